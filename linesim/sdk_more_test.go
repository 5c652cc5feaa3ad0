package linesim_test

import (
	"bytes"
	"net/http"
	"testing"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/line/line-bot-sdk-go/v8/linebot/channel_access_token"
	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"
)

// TestOfficialSDKMore drives the operations that a bot needs now and then through LINE's own client.
func TestOfficialSDKMore(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	u := f.user(t, "Hanako").UserID
	blob, err := messaging_api.NewMessagingApiBlobAPI(f.ChannelAccessToken(), messaging_api.WithBlobEndpoint(f.url+"/sim/line"))
	if err != nil {
		t.Fatal(err)
	}
	sdk := f.sdk
	hello := []messaging_api.MessageInterface{messaging_api.TextMessage{Text: "hello"}}

	resp, _, err := sdk.NarrowcastWithHttpInfo(&messaging_api.NarrowcastRequest{Messages: hello}, retryKey)
	if err != nil {
		t.Fatalf("narrowcast: %v", err)
	}
	if p, err := sdk.GetNarrowcastProgress(resp.Header.Get("x-line-request-id")); err != nil || p.Phase != "succeeded" || p.SuccessCount != 1 {
		t.Errorf("progress: %+v, %v", p, err)
	}
	today := time.Now().In(time.FixedZone("", 9*3600)).Format("20060102")
	if n, err := sdk.GetNumberOfSentPushMessages(today); err != nil || n.Status != "ready" || n.Success != 0 {
		t.Errorf("sent: %+v, %v", n, err)
	}

	menu, err := sdk.CreateRichMenu(&messaging_api.RichMenuRequest{
		Size: &messaging_api.RichMenuSize{Width: 2500, Height: 843}, Name: "m", ChatBarText: "Menu",
		Areas: []messaging_api.RichMenuArea{{
			Bounds: &messaging_api.RichMenuBounds{Width: 10, Height: 10}, Action: &messaging_api.MessageAction{Label: "a", Text: "a"},
		}},
	})
	if err != nil {
		t.Fatalf("rich menu: %v", err)
	}
	if _, err := blob.SetRichMenuImage(menu.RichMenuId, "image/png", bytes.NewReader([]byte("\x89PNG\r\n\x1a\n"))); err != nil {
		t.Errorf("picture: %v", err)
	}
	if _, err := sdk.LinkRichMenuIdToUser(u, menu.RichMenuId); err != nil {
		t.Errorf("link: %v", err)
	}
	if got, err := sdk.GetRichMenuIdOfUser(u); err != nil || got.RichMenuId != menu.RichMenuId {
		t.Errorf("menu of the user: %+v, %v", got, err)
	}
	if _, err := sdk.CreateRichMenuAlias(&messaging_api.CreateRichMenuAliasRequest{RichMenuAliasId: "a", RichMenuId: menu.RichMenuId}); err != nil {
		t.Errorf("alias: %v", err)
	}
	if all, err := sdk.GetRichMenuAliasList(); err != nil || len(all.Aliases) != 1 {
		t.Errorf("aliases: %+v, %v", all, err)
	}
	if all, err := sdk.GetRichMenuList(); err != nil || len(all.Richmenus) != 1 || all.Richmenus[0].Size.Width != 2500 {
		t.Errorf("rich menus: %+v, %v", all, err)
	}
	if token, err := sdk.IssueLinkToken(u); err != nil || token.LinkToken == "" {
		t.Errorf("link token: %+v, %v", token, err)
	}
	if plans, err := sdk.GetMembershipList(); err != nil || len(plans.Memberships) != 1 {
		t.Errorf("memberships: %+v, %v", plans, err)
	}
	coupon, err := sdk.CreateCoupon(&messaging_api.CouponCreateRequest{
		AcquisitionCondition: &messaging_api.NormalAcquisitionConditionRequest{}, Title: "t", StartTimestamp: 1, EndTimestamp: 2,
		MaxUseCountPerTicket: 1, Visibility: "PUBLIC", Timezone: "ASIA_TOKYO",
	})
	if err != nil {
		t.Fatalf("coupon: %v", err)
	}
	if got, err := sdk.GetCouponDetail(coupon.CouponId); err != nil || got.Title != "t" || got.Status != "RUNNING" {
		t.Errorf("coupon: %+v, %v", got, err)
	}
	if _, err := sdk.CloseCoupon(coupon.CouponId); err != nil {
		t.Errorf("closing: %v", err)
	}
}

func TestOfficialSDKTokens(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	api, err := channel_access_token.NewChannelAccessTokenAPI(channel_access_token.WithEndpoint(f.url + "/sim/line"))
	if err != nil {
		t.Fatal(err)
	}
	const kind = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
	claim := assertion(f.ChannelID(), 10*time.Minute, time.Hour)
	issued, err := api.IssueChannelTokenByJWT("client_credentials", kind, claim)
	if err != nil || issued.KeyId == "" || issued.ExpiresIn != 3600 {
		t.Fatalf("token: %+v, %v", issued, err)
	}
	if keys, err := api.GetsAllValidChannelAccessTokenKeyIds(kind, claim); err != nil || len(keys.Kids) != 1 || keys.Kids[0] != issued.KeyId {
		t.Errorf("keys: %+v, %v", keys, err)
	}
	if v, err := api.VerifyChannelTokenByJWT(issued.AccessToken); err != nil || v.ClientId != f.ChannelID() || v.ExpiresIn < 3500 {
		t.Errorf("verify: %+v, %v", v, err)
	}
	if _, err := api.RevokeChannelTokenByJWT(f.ChannelID(), f.ChannelSecret(), issued.AccessToken); err != nil {
		t.Errorf("revoke: %v", err)
	}
	if resp, _, err := api.VerifyChannelTokenByJWTWithHttpInfo(issued.AccessToken); err == nil || resp.StatusCode != http.StatusBadRequest {
		t.Errorf("a revoked token is valid: %v", err)
	}
	short, err := api.IssueChannelToken("client_credentials", f.ChannelID(), f.ChannelSecret())
	if err != nil || short.ExpiresIn != 30*24*3600 {
		t.Errorf("short-lived token: %+v, %v", short, err)
	}
	if free, err := api.IssueStatelessChannelTokenByJWTAssertion(claim); err != nil || free.ExpiresIn != 900 {
		t.Errorf("stateless token: %+v, %v", free, err)
	}
}

// TestAPIAtRoot calls LINE's API where a host alone leads to.
func TestAPIAtRoot(t *testing.T) {
	f := newFixture(t, linesim.Config{BotName: "Polly"})
	sdk, err := messaging_api.NewMessagingApiAPI(f.ChannelAccessToken(), messaging_api.WithEndpoint(f.url))
	if err != nil {
		t.Fatal(err)
	}
	if bot, err := sdk.GetBotInfo(); err != nil || bot.DisplayName != "Polly" {
		t.Errorf("bot info: %+v, %v", bot, err)
	}
	tokens, err := channel_access_token.NewChannelAccessTokenAPI(channel_access_token.WithEndpoint(f.url))
	if err != nil {
		t.Fatal(err)
	}
	token, err := tokens.IssueStatelessChannelTokenByClientSecret(f.ChannelID(), f.ChannelSecret())
	if err != nil || token.AccessToken == "" {
		t.Errorf("token: %+v, %v", token, err)
	}
}
