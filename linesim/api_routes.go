package linesim

import (
	"net/http"
	"slices"
	"strings"
)

// bodyKind is what a request must carry.
type bodyKind int

const (
	noBody bodyKind = iota
	jsonBody
	formBody
	imageBody
)

// route is one operation of LINE's API.
type route struct {
	pattern  string // of http.ServeMux, without linePrefix
	endpoint string // short name: in records, faults and rates
	handle   func(*Simulator, *call) (answer, error)
	body     bodyKind
	open     bool // needs no channel access token
	retry    bool // takes X-Line-Retry-Key
	rate     Rate // of a channel; apiRoutes gives those without one LINE's usual 2,000 a second
}

// apiRoutes is the table of all operations; any other path is 404.
func apiRoutes() []route {
	var routes []route
	for _, part := range [][]route{sendRoutes(), chatRoutes(), menuRoutes(), channelRoutes(), tokenRoutes()} {
		routes = append(routes, part...)
	}
	for i := range routes {
		setDefault(&routes[i].rate, perSecond(2000))
	}
	return append(routes, route{pattern: anyPath, endpoint: "unknown", handle: (*Simulator).unknownPath})
}

// sendRoutes are the operations that send and count messages.
func sendRoutes() []route {
	return []route{
		{pattern: "POST /v2/bot/message/reply", endpoint: "reply", body: jsonBody, handle: (*Simulator).reply},
		{pattern: "POST /v2/bot/message/push", endpoint: "push", body: jsonBody, retry: true, handle: (*Simulator).push},
		{pattern: "POST /v2/bot/message/multicast", endpoint: "multicast", body: jsonBody, retry: true, rate: perSecond(200), handle: (*Simulator).multicast},
		{pattern: "POST /v2/bot/message/broadcast", endpoint: "broadcast", body: jsonBody, retry: true, rate: perHour(60), handle: (*Simulator).broadcast},
		{pattern: "POST /v2/bot/message/narrowcast", endpoint: "narrowcast", body: jsonBody, retry: true, rate: perHour(60), handle: (*Simulator).narrowcast},
		{pattern: "GET /v2/bot/message/progress/narrowcast", endpoint: "narrowcastProgress", handle: (*Simulator).progressOfNarrowcast},
		{pattern: "POST /bot/pnp/push", endpoint: "pnp", body: jsonBody, handle: (*Simulator).pushByPhone},

		{pattern: "POST /v2/bot/message/validate/reply", endpoint: "validateReply", body: jsonBody, handle: (*Simulator).validate},
		{pattern: "POST /v2/bot/message/validate/push", endpoint: "validatePush", body: jsonBody, handle: (*Simulator).validate},
		{pattern: "POST /v2/bot/message/validate/multicast", endpoint: "validateMulticast", body: jsonBody, handle: (*Simulator).validate},
		{pattern: "POST /v2/bot/message/validate/narrowcast", endpoint: "validateNarrowcast", body: jsonBody, handle: (*Simulator).validate},
		{pattern: "POST /v2/bot/message/validate/broadcast", endpoint: "validateBroadcast", body: jsonBody, handle: (*Simulator).validate},

		{pattern: "GET /v2/bot/message/quota", endpoint: "quota", handle: (*Simulator).messageQuota},
		{pattern: "GET /v2/bot/message/quota/consumption", endpoint: "quotaConsumption", handle: (*Simulator).quotaConsumption},
		{pattern: "GET /v2/bot/message/delivery/reply", endpoint: "sentReply", handle: sentNumber(ViaReply)},
		{pattern: "GET /v2/bot/message/delivery/push", endpoint: "sentPush", handle: sentNumber(ViaPush)},
		{pattern: "GET /v2/bot/message/delivery/multicast", endpoint: "sentMulticast", handle: sentNumber(ViaMulticast)},
		{pattern: "GET /v2/bot/message/delivery/broadcast", endpoint: "sentBroadcast", handle: sentNumber(ViaBroadcast)},
		{pattern: "GET /v2/bot/message/delivery/pnp", endpoint: "sentPnp", handle: sentNumber(ViaPhone)},
		{pattern: "GET /v2/bot/message/aggregation/info", endpoint: "unitUsage", handle: (*Simulator).unitUsage},
		{pattern: "GET /v2/bot/message/aggregation/list", endpoint: "unitList", handle: (*Simulator).unitList},
	}
}

// chatRoutes are the operations on users, groups, rooms and what they sent.
func chatRoutes() []route {
	return []route{
		{pattern: "GET /v2/bot/message/{messageId}/content", endpoint: "content", handle: (*Simulator).content},
		{pattern: "GET /v2/bot/message/{messageId}/content/preview", endpoint: "contentPreview", handle: (*Simulator).contentPreview},
		{pattern: "GET /v2/bot/message/{messageId}/content/transcoding", endpoint: "contentTranscoding", handle: (*Simulator).contentTranscoding},

		{pattern: "GET /v2/bot/profile/{userId}", endpoint: "profile", handle: (*Simulator).profile},
		{pattern: "GET /v2/bot/followers/ids", endpoint: "followers", handle: (*Simulator).followers},

		{pattern: "GET /v2/bot/group/{groupId}/summary", endpoint: "groupSummary", handle: (*Simulator).groupSummary},
		{pattern: "GET /v2/bot/group/{groupId}/member/{userId}", endpoint: "groupMember", handle: (*Simulator).memberProfile},
		{pattern: "GET /v2/bot/group/{groupId}/members/count", endpoint: "groupMemberCount", handle: (*Simulator).memberCount},
		{pattern: "GET /v2/bot/group/{groupId}/members/ids", endpoint: "groupMembers", handle: (*Simulator).memberIDs},
		{pattern: "POST /v2/bot/group/{groupId}/leave", endpoint: "groupLeave", handle: (*Simulator).leaveChat},
		{pattern: "GET /v2/bot/room/{roomId}/member/{userId}", endpoint: "roomMember", handle: (*Simulator).memberProfile},
		{pattern: "GET /v2/bot/room/{roomId}/members/count", endpoint: "roomMemberCount", handle: (*Simulator).memberCount},
		{pattern: "GET /v2/bot/room/{roomId}/members/ids", endpoint: "roomMembers", handle: (*Simulator).memberIDs},
		{pattern: "POST /v2/bot/room/{roomId}/leave", endpoint: "roomLeave", handle: (*Simulator).leaveChat},

		{pattern: "POST /v2/bot/chat/loading/start", endpoint: "loading", body: jsonBody, rate: perSecond(100), handle: (*Simulator).startLoading},
		{pattern: "POST /v2/bot/chat/markAsRead", endpoint: "markAsRead", body: jsonBody, handle: (*Simulator).markAsRead},
		{pattern: "POST /v2/bot/message/markAsRead", endpoint: "markUserAsRead", body: jsonBody, handle: (*Simulator).markUserAsRead},
		{pattern: "POST /v2/bot/user/{userId}/linkToken", endpoint: "linkToken", handle: (*Simulator).issueLinkToken},
	}
}

// menuRoutes are the operations on rich menus.
func menuRoutes() []route {
	return []route{
		{pattern: "POST /v2/bot/richmenu", endpoint: "createRichMenu", body: jsonBody, rate: perHour(100), handle: (*Simulator).createMenu},
		{pattern: "POST /v2/bot/richmenu/validate", endpoint: "validateRichMenu", body: jsonBody, handle: (*Simulator).validateMenu},
		{pattern: "GET /v2/bot/richmenu/list", endpoint: "richMenus", rate: perSecond(10), handle: (*Simulator).listMenus},
		{pattern: "GET /v2/bot/richmenu/{richMenuId}", endpoint: "richMenu", handle: (*Simulator).getMenu},
		{pattern: "DELETE /v2/bot/richmenu/{richMenuId}", endpoint: "deleteRichMenu", rate: perHour(100), handle: (*Simulator).deleteMenu},
		{pattern: "POST /v2/bot/richmenu/{richMenuId}/content", endpoint: "setRichMenuImage", body: imageBody, handle: (*Simulator).setMenuImage},
		{pattern: "GET /v2/bot/richmenu/{richMenuId}/content", endpoint: "richMenuImage", handle: (*Simulator).menuImage},

		{pattern: "POST /v2/bot/richmenu/alias", endpoint: "createRichMenuAlias", body: jsonBody, handle: (*Simulator).createAlias},
		{pattern: "GET /v2/bot/richmenu/alias/list", endpoint: "richMenuAliases", handle: (*Simulator).listAliases},
		{pattern: "GET /v2/bot/richmenu/alias/{richMenuAliasId}", endpoint: "richMenuAlias", handle: (*Simulator).getAlias},
		{pattern: "POST /v2/bot/richmenu/alias/{richMenuAliasId}", endpoint: "updateRichMenuAlias", body: jsonBody, handle: (*Simulator).updateAlias},
		{pattern: "DELETE /v2/bot/richmenu/alias/{richMenuAliasId}", endpoint: "deleteRichMenuAlias", rate: perHour(100), handle: (*Simulator).deleteAlias},

		{pattern: "POST /v2/bot/user/all/richmenu/{richMenuId}", endpoint: "setDefaultRichMenu", handle: (*Simulator).setDefaultMenu},
		{pattern: "GET /v2/bot/user/all/richmenu", endpoint: "defaultRichMenu", handle: (*Simulator).defaultMenu},
		{pattern: "DELETE /v2/bot/user/all/richmenu", endpoint: "cancelDefaultRichMenu", handle: (*Simulator).cancelDefaultMenu},
		{pattern: "GET /v2/bot/user/{userId}/richmenu", endpoint: "userRichMenu", handle: (*Simulator).menuOfUser},
		{pattern: "POST /v2/bot/user/{userId}/richmenu/{richMenuId}", endpoint: "linkRichMenu", handle: (*Simulator).linkMenu},
		{pattern: "DELETE /v2/bot/user/{userId}/richmenu", endpoint: "unlinkRichMenu", handle: (*Simulator).unlinkMenu},
		{pattern: "POST /v2/bot/richmenu/bulk/link", endpoint: "linkRichMenus", body: jsonBody, handle: (*Simulator).linkMenus},
		{pattern: "POST /v2/bot/richmenu/bulk/unlink", endpoint: "unlinkRichMenus", body: jsonBody, handle: (*Simulator).unlinkMenus},
		{pattern: "POST /v2/bot/richmenu/batch", endpoint: "richMenuBatch", body: jsonBody, rate: perHour(3), handle: (*Simulator).runBatch},
		{pattern: "POST /v2/bot/richmenu/validate/batch", endpoint: "validateRichMenuBatch", body: jsonBody, handle: (*Simulator).validateBatch},
		{pattern: "GET /v2/bot/richmenu/progress/batch", endpoint: "richMenuBatchProgress", rate: perHour(100), handle: (*Simulator).progressOfBatch},
	}
}

// channelRoutes are the operations on the channel itself.
func channelRoutes() []route {
	return []route{
		{pattern: "GET /v2/bot/info", endpoint: "botInfo", handle: (*Simulator).botInfo},
		{pattern: "GET /v2/bot/channel/webhook/endpoint", endpoint: "webhookEndpoint", rate: perMinute(1000), handle: (*Simulator).webhookEndpoint},
		{pattern: "PUT /v2/bot/channel/webhook/endpoint", endpoint: "setWebhookEndpoint", body: jsonBody, rate: perMinute(1000), handle: (*Simulator).setWebhookEndpoint},
		{pattern: "POST /v2/bot/channel/webhook/test", endpoint: "testWebhook", body: jsonBody, rate: perHour(60), handle: (*Simulator).testWebhook},

		{pattern: "GET /v2/bot/coupon", endpoint: "coupons", rate: perSecond(200), handle: (*Simulator).listCoupons},
		{pattern: "POST /v2/bot/coupon", endpoint: "createCoupon", body: jsonBody, rate: perSecond(200), handle: (*Simulator).createCoupon},
		{pattern: "GET /v2/bot/coupon/{couponId}", endpoint: "coupon", rate: perSecond(200), handle: (*Simulator).getCoupon},
		{pattern: "PUT /v2/bot/coupon/{couponId}/close", endpoint: "closeCoupon", rate: perSecond(200), handle: (*Simulator).closeCoupon},
		{pattern: "GET /v2/bot/membership/list", endpoint: "memberships", rate: perSecond(200), handle: (*Simulator).memberships},
		{pattern: "GET /v2/bot/membership/subscription/{userId}", endpoint: "subscription", rate: perSecond(200), handle: (*Simulator).subscription},
		{pattern: "GET /v2/bot/membership/{membershipId}/users/ids", endpoint: "membershipUsers", handle: (*Simulator).membershipUsers},
	}
}

// tokenRoutes are the operations on channel access tokens.
func tokenRoutes() []route {
	return []route{
		{pattern: "POST /oauth2/v3/token", endpoint: "token", body: formBody, open: true, handle: (*Simulator).issueToken},
		{pattern: "POST /oauth2/v2.1/token", endpoint: "token21", body: formBody, open: true, handle: (*Simulator).issue21},
		{pattern: "GET /oauth2/v2.1/tokens/kid", endpoint: "tokenKeys21", open: true, handle: (*Simulator).keyIDs},
		{pattern: "GET /oauth2/v2.1/verify", endpoint: "verifyToken21", open: true, handle: (*Simulator).verify21},
		{pattern: "POST /oauth2/v2.1/revoke", endpoint: "revokeToken21", body: formBody, open: true, handle: (*Simulator).revoke21},
		{pattern: "POST /v2/oauth/accessToken", endpoint: "shortToken", body: formBody, open: true, rate: perSecond(370), handle: (*Simulator).issueShortLived},
		{pattern: "POST /v2/oauth/verify", endpoint: "verifyToken", body: formBody, open: true, handle: (*Simulator).verifyToken},
		{pattern: "POST /v2/oauth/revoke", endpoint: "revokeToken", body: formBody, open: true, handle: (*Simulator).revokeToken},
	}
}

// Endpoints returns the short names of LINE's operations as they stand in Call.Endpoint, Faults and
// Rates, in alphabetical order.
func Endpoints() []string {
	var names []string
	for _, rt := range apiRoutes() {
		names = append(names, rt.endpoint)
	}
	slices.Sort(names)
	return names
}

// isEndpoint reports whether name is the short name of an operation.
func isEndpoint(name string) bool { return slices.Contains(Endpoints(), name) }

// anyPath is the pattern of what no operation answers.
const anyPath = "/"

// aliasPrefix is where rich menu aliases stand. An alias may be called "content", so their patterns and
// those of the pictures of rich menus overlap and cannot be in one http.ServeMux.
const aliasPrefix = "/v2/bot/richmenu/alias"

// apiHandler answers LINE's API.
func (s *Simulator) apiHandler() http.Handler {
	all, aliases := http.NewServeMux(), http.NewServeMux()
	for _, rt := range apiRoutes() {
		ofAlias := strings.Contains(rt.pattern, " "+aliasPrefix)
		if !ofAlias {
			all.HandleFunc(rt.pattern, s.serveAPI(rt))
		}
		if ofAlias || rt.pattern == anyPath {
			aliases.HandleFunc(rt.pattern, s.serveAPI(rt))
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, aliasPrefix) {
			aliases.ServeHTTP(w, r)
			return
		}
		all.ServeHTTP(w, r)
	})
}

// unknownPath answers what is not in the table of routes.
func (s *Simulator) unknownPath(*call) (answer, error) { return answer{}, notFound() }
