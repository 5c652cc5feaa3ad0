package line_test

import (
	"encoding/json"
	"math"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/line/line-bot-sdk-go/v8/linebot/messaging_api"

	"github.com/line-frontdesk/frontdesk/line"
)

func TestEncodeMessages(t *testing.T) {
	tests := []struct {
		name string
		msg  line.Message
		want string
	}{
		{"text by pointer", &messaging_api.TextMessage{Text: "hi"}, `{"text":"hi","type":"text"}`},
		{"text by value", messaging_api.TextMessage{Text: "hi"}, `{"text":"hi","type":"text"}`},
		{"sticker by value", messaging_api.StickerMessage{PackageId: "1", StickerId: "2"}, `{"packageId":"1","stickerId":"2","type":"sticker"}`},
		{"location by value", messaging_api.LocationMessage{Title: "a", Address: "b"}, `{"title":"a","address":"b","latitude":0,"longitude":0,"type":"location"}`},
		{
			"quick reply by value",
			messaging_api.TextMessage{Text: "?", QuickReply: &messaging_api.QuickReply{Items: []messaging_api.QuickReplyItem{
				{Type: "action", Action: messaging_api.MessageAction{Label: "yes", Text: "Yes"}},
			}}},
			`{"text":"?","type":"text","quickReply":{"items":[{"type":"action","action":{"type":"message","label":"yes","text":"Yes"}}]}}`,
		},
		{
			"values within values",
			messaging_api.FlexMessage{AltText: "a", Contents: messaging_api.FlexBubble{Body: &messaging_api.FlexBox{
				Layout: "vertical",
				Contents: []messaging_api.FlexComponentInterface{
					messaging_api.FlexBox{Layout: "baseline", Contents: []messaging_api.FlexComponentInterface{messaging_api.FlexText{Text: "deep"}}},
				},
			}}},
			`{"altText":"a","type":"flex","contents":{"type":"bubble","body":{"type":"box","layout":"vertical","flex":0,"contents":[
				{"type":"box","layout":"baseline","flex":0,"contents":[
					{"type":"text","text":"deep","flex":0,"maxLines":0,"scaling":false,"wrap":false}]}]}}}`,
		},
		{
			"map of values",
			messaging_api.TextMessageV2{Text: "{a}", Substitution: map[string]messaging_api.SubstitutionObjectInterface{
				"a": messaging_api.MentionSubstitutionObject{Mentionee: messaging_api.UserMentionTarget{UserId: userID}},
			}},
			`{"text":"{a}","type":"textV2","substitution":{"a":{"type":"mention","mentionee":{"type":"user","userId":"` + userID + `"}}}}`,
		},
		{
			"unknown to the SDK",
			messaging_api.UnknownMessage{Type: "hologram", Raw: map[string]json.RawMessage{"type": []byte(`"hologram"`), "a": []byte(`1`)}},
			`{"type":"hologram","a":1}`,
		},
		{"own type", ownMessage{"text", "own"}, `{"type":"text","text":"own"}`},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := line.EncodeMessages(tt.msg)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(decode(t, []byte(tt.want)), decode(t, got[0])); diff != "" {
				t.Errorf("message (-want +got):\n%s", diff)
			}
		})
	}
}

func decode(t *testing.T, raw []byte) (v any) {
	t.Helper()
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatalf("%v in %s", err, raw)
	}
	return v
}

// ownMessage is a message type that the SDK does not have.
type ownMessage struct {
	Type string `json:"type"`
	Text string `json:"text"`
}

func (m ownMessage) GetType() string { return m.Type }

// loop is a message that holds itself.
type loop struct {
	Type  string `json:"type"`
	Again *loop  `json:"again"`
}

func (*loop) GetType() string { return "loop" }

// talkative is a message whose encoder's error quotes it.
type talkative struct{}

func (talkative) GetType() string { return "text" }
func (talkative) MarshalJSON() ([]byte, error) {
	return nil, json.Unmarshal([]byte(secretary), new(int))
}

func TestEncodeMessagesErrors(t *testing.T) {
	circle := &loop{Type: "loop"}
	circle.Again = circle
	good := messaging_api.TextMessage{Text: secretary}
	tests := []struct {
		name string
		msg  line.Message
		want string
	}{
		{"nil", nil, "message 1 (<nil>): message is nil"},
		{"nil pointer", (*messaging_api.TextMessage)(nil), "message 1 (*messaging_api.TextMessage): message is nil"},
		{"no type", messaging_api.Message{}, "message 1 (messaging_api.Message): message has no type"},
		{"unknown without a type", &messaging_api.UnknownMessage{Raw: map[string]json.RawMessage{"a": []byte(`1`)}}, "has no type"},
		{"not a number", messaging_api.LocationMessage{Title: secretary, Latitude: math.NaN()}, "NaN"},
		{"circle", circle, "holds itself"},
		{"talkative", talkative{}, "cannot be encoded"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := line.EncodeMessages(good, tt.msg)
			if err == nil || !strings.Contains(err.Error(), tt.want) || got != nil {
				t.Fatalf("got %s and error %v, want an error with %q", got, err, tt.want)
			}
			mustBeQuiet(t, err)
		})
	}
}

// TestEncodeMessagesReadsOnly encodes one message many times at once: the race
// detector sees any write to it.
func TestEncodeMessagesReadsOnly(t *testing.T) {
	item := messaging_api.QuickReplyItem{Type: "action", Action: &messaging_api.MessageAction{Label: "a", Text: "b"}}
	msg := &messaging_api.TextMessage{Text: "hi", QuickReply: &messaging_api.QuickReply{Items: []messaging_api.QuickReplyItem{item}}}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if _, err := line.EncodeMessages(msg, msg); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if a := item.Action.(*messaging_api.MessageAction); a.Type != "" {
		t.Errorf("the caller's message got type %q", a.Type)
	}
}
