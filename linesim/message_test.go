package linesim_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/line-frontdesk/frontdesk/linesim"
	"github.com/tidwall/gjson"
)

// TestMessageLimits sends messages at LINE's limits, which must pass, and one step above. what is the message
// with %s in it; the details of the refusal are "property: message", joined by "; ".
func TestMessageLimits(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	str := func(n int) string { return `"` + strings.Repeat("x", n) + `"` }
	times := func(n int, one string) string { return "[" + strings.TrimSuffix(strings.Repeat(one+",", n), ",") + "]" }
	url := func(n int) string { return `"https://a.example/` + strings.Repeat("x", n-18) + `"` }
	people := strings.Repeat("👨‍👩‍👧‍👦", 20)
	const (
		act    = `{"type":"message","label":"a","text":"b"}`
		bubble = `{"type":"bubble"}`
		area   = `"area":{"x":0,"y":0,"width":1,"height":1}`
	)
	button := func(a string) string {
		return `{"type":"template","altText":"a","template":{"type":"buttons","text":"t","actions":[` + a + `]}}`
	}
	for _, tc := range []struct{ name, what, pass, fail, want string }{
		{"text", `{"type":"text","text":%s}`, str(5000), str(5001), "text: Length must be between 0 and 5000"},
		{"emojis", `{"type":"text","text":"🦜$","emojis":%s}`, `[{"index":2,"productId":"1","emojiId":"1"}]`, `[{"index":1,"productId":"1","emojiId":"1"}]`, "emojis[0].index: Must be the index of a $ in the text"},
		{"number of emojis", `{"type":"text","text":"$","emojis":%s}`, times(20, `{"index":0,"productId":"1","emojiId":"1"}`), times(21, `{"index":0,"productId":"1","emojiId":"1"}`), "emojis: Size must be between 0 and 20"},
		{"substitution", `{"type":"textV2","text":"{a}","substitution":{%s}}`, `"a_9":{"type":"emoji","productId":"1","emojiId":"1"}`, `"a-9":{"type":"emoji","productId":"1"}`, "substitution.a-9: Must consist of 0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_; substitution.a-9.emojiId: May not be empty"},
		{"quick replies", `{"type":"text","text":"t","quickReply":{"items":%s}}`, times(13, `{"type":"action","action":`+act+`}`), times(14, `{"type":"action","action":`+act+`}`), "quickReply.items: Size must be between 1 and 13"},
		{"quick reply that opens the camera", `{"type":"text","text":"t","quickReply":{"items":[{"action":%s}]}}`, `{"type":"camera","label":"a"}`, `{"type":"camera"}`, "quickReply.items[0].action.label: May not be empty"},
		{"sender", `{"type":"text","text":"t","sender":{"name":%s}}`, str(20), str(21), "sender.name: Length must be between 0 and 20"},
		{"sender's name", `{"type":"text","text":"t","sender":{"name":%s}}`, `"Line"`, `"LINE"`, "sender.name: May not be LINE"},
		{"sender's icon", `{"type":"text","text":"t","sender":{"iconUrl":%s}}`, url(2000), url(2001), "sender.iconUrl: Length must be between 0 and 2000"},
		{"picture", `{"type":"image","originalContentUrl":%s,"previewImageUrl":"https://a.example/"}`, url(2000), `"http://a.example/1"`, "originalContentUrl: invalid uri scheme"},
		{"video", `{"type":"video","originalContentUrl":"https://a.example/1","previewImageUrl":"https://a.example/2","trackingId":%s}`, str(100), str(101), "trackingId: Length must be between 0 and 100"},
		{"audio", `{"type":"audio","originalContentUrl":"https://a.example/1","duration":%s}`, "60000", "0", "duration: Must be between 1 and 9223372036854775807"},
		{"location", `{"type":"location","title":"t","address":%s,"latitude":35,"longitude":139}`, str(100), str(101), "address: Length must be between 0 and 100"},
		{"latitude", `{"type":"location","title":"t","address":"a","latitude":%s,"longitude":139}`, "-90", "90.1", "latitude: Must be between -90 and 90"},
		{"alternative text", `{"type":"flex","altText":%s,"contents":` + bubble + `}`, str(1500), str(1501), "altText: Length must be between 0 and 1500"},
		{"bubbles", `{"type":"flex","altText":"a","contents":{"type":"carousel","contents":%s}}`, times(12, bubble), times(13, bubble), "contents.contents: Size must be between 1 and 12"},
		{"body of a bubble", `{"type":"flex","altText":"a","contents":{"type":"bubble","body":%s}}`, `{"type":"box","layout":"vertical","contents":[{"type":"text","text":"a"}]}`, `{"type":"text","text":"a"}`, "contents.body.type: Must be one of the following values: [box]"},
		{"component", `{"type":"flex","altText":"a","contents":{"type":"bubble","hero":%s}}`, `{"type":"image","url":"https://a.example/"}`, `{"type":"box","layout":"up","contents":[{"type":"dance"},{"type":"text"}]}`, "contents.hero.layout: Must be one of the following values: [horizontal, vertical, baseline]; contents.hero.contents[0].type: Must be one of the following values: [box, button, filler, icon, image, separator, span, text, video]; contents.hero.contents[1].text: May not be empty"},
		{"imagemap", `{"type":"imagemap","baseUrl":"https://a.example/1","altText":"a","baseSize":{"width":1040,"height":1},"actions":%s}`, times(50, `{"type":"uri","linkUri":"https://a.example/",`+area+`}`), times(51, act), "actions: Size must be between 0 and 50"},
		{"buttons", `{"type":"template","altText":"a","template":{"type":"buttons","text":"t","actions":%s}}`, times(4, act), times(5, act), "template.actions: Size must be between 1 and 4"},
		{"text of buttons", `{"type":"template","altText":"a","template":{"type":"buttons","text":%s,"actions":[` + act + `]}}`, str(160), str(161), "template.text: Length must be between 0 and 160"},
		{"text of buttons below a title", `{"type":"template","altText":"a","template":{"type":"buttons","title":"t","text":%s,"actions":[` + act + `]}}`, str(60), str(61), "template.text: Length must be between 0 and 60"},
		{"title", `{"type":"template","altText":"a","template":{"type":"buttons","title":%s,"text":"t","actions":[` + act + `]}}`, str(40), str(41), "template.title: Length must be between 0 and 40"},
		{"confirm", `{"type":"template","altText":"a","template":{"type":"confirm","text":"t","actions":%s}}`, times(2, act), times(1, act), "template.actions: Size must be between 2 and 2"},
		{"text of confirm", `{"type":"template","altText":"a","template":{"type":"confirm","text":%s,"actions":[` + act + "," + act + `]}}`, str(240), str(241), "template.text: Length must be between 0 and 240"},
		{"text of a column", `{"type":"template","altText":"a","template":{"type":"carousel","columns":[{"text":%s,"actions":[` + act + `]}]}}`, str(120), str(121), "template.columns[0].text: Length must be between 0 and 120"},
		{"text of a column below a picture", `{"type":"template","altText":"a","template":{"type":"carousel","columns":[{"thumbnailImageUrl":"https://a.example/","text":%s,"actions":[` + act + `]}]}}`, str(60), str(61), "template.columns[0].text: Length must be between 0 and 60"},
		{"columns", `{"type":"template","altText":"a","template":{"type":"image_carousel","columns":%s}}`, times(10, `{"imageUrl":"https://a.example/","action":`+act+`}`), times(11, `{}`), "template.columns: Size must be between 1 and 10"},
		{"label in graphemes", button(`{"type":"message","label":"%s","text":"t"}`), people, people + "x", "template.actions[0].label: Length must be between 0 and 20"},
		{"text of an action", button(`{"type":"message","label":"a","text":%s}`), str(300), str(301), "template.actions[0].text: Length must be between 0 and 300"},
		{"postback data", button(`{"type":"postback","label":"a","data":%s}`), str(300), str(301), "template.actions[0].data: Length must be between 0 and 300"},
		{"address", button(`{"type":"uri","label":"a","uri":%s}`), url(1000), url(1001), "template.actions[0].uri: Length must be between 0 and 1000"},
		{"scheme", button(`{"type":"uri","label":"a","uri":%s}`), `"tel:117"`, `"javascript:alert(1)"`, "template.actions[0].uri: invalid uri scheme"},
		{"date picker", button(`{"type":"datetimepicker","label":"a","data":"d","mode":%s}`), `"date"`, `"year"`, "template.actions[0].mode: Must be one of the following values: [date, time, datetime]"},
		{"coupon", `{"type":"coupon","couponId":"1","deliveryTag":%s}`, str(30), str(31), "deliveryTag: Length must be between 0 and 30"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			send := func(v string) lineAnswer {
				return f.send(t, "validate/push", `{"messages":[`+strings.Replace(tc.what, "%s", v, 1)+`]}`)
			}
			send(tc.pass).want(t, 200, "{}")
			a := send(tc.fail)
			var got []string
			for _, d := range gjson.Get(a.body, "details").Array() {
				got = append(got, strings.TrimPrefix(d.Get("property").Str, "messages[0].")+": "+d.Get("message").Str)
			}
			if a.status != 400 || strings.Join(got, "; ") != tc.want || !strings.Contains(a.body, fmt.Sprintf(`"The request body has %d error(s)"`, len(got))) {
				t.Errorf("answered %d %s\nwant %s", a.status, a.body, tc.want)
			}
		})
	}
}

// TestMentions makes sure that mentions are for groups only, and that a refused reply keeps its token.
func TestMentions(t *testing.T) {
	f := newFixture(t, linesim.Config{})
	b := f.startBot(t, nil)
	u := f.user(t, "Hanako").UserID
	g, err := f.AddGroup(linesim.NewGroup{Members: []string{u}})
	if err != nil {
		t.Fatal(err)
	}
	msgs := `[{"type":"textV2","text":"hi {who}","substitution":{"who":{"type":"mention","mentionee":{"type":"user","userId":"` + u + `"}}}}]`
	reply := func(chatID, msgs string) lineAnswer {
		return f.send(t, "reply", `{"replyToken":"`+b.lastToken(t, f, chatID)+`","messages":`+msgs+`}`)
	}
	refused := oneError("messages[0].substitution.who", "A mention can be sent to a group or room only")
	f.send(t, "push", `{"to":"`+u+`","messages":`+msgs+`}`).want(t, 400, refused)
	f.send(t, "multicast", `{"to":["`+u+`"],"messages":`+msgs+`}`).want(t, 400, refused)
	f.send(t, "broadcast", `{"messages":`+msgs+`}`).want(t, 400, refused)
	reply(u, msgs).want(t, 400, refused)
	for name, a := range map[string]lineAnswer{
		"push to a group":  f.send(t, "push", `{"to":"`+g.GroupID+`","messages":`+msgs+`}`),
		"reply in a group": reply(g.GroupID, msgs), "another reply": reply(u, hi),
	} {
		if a.status != 200 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
}
