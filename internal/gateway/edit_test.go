package gateway

import (
	"encoding/json"
	"testing"

	"github.com/tidwall/gjson"
)

func TestAppendEdited(t *testing.T) {
	for _, tc := range []struct{ name, object, want string }{
		{"both", `{"replyToken": "a","deliveryContext":{"isRedelivery" :false} ,"x":1}`, `{"replyToken": "NEW","deliveryContext":{"isRedelivery" :true} ,"x":1}`},
		{"the other way round", `{"deliveryContext":{"isRedelivery":true},"replyToken":"a"}`, `{"deliveryContext":{"isRedelivery":true},"replyToken":"NEW"}`},
		{"one of them", `{"deliveryContext":{},"replyToken":""}`, `{"deliveryContext":{},"replyToken":"NEW"}`},
		{"neither", `{"x":{"replyToken":"a"}}`, `{"x":{"replyToken":"a"}}`},
		{"in a text", `{"message":{"text":"\"replyToken\":\"b\""},"replyToken":"a"}`, `{"message":{"text":"\"replyToken\":\"b\""},"replyToken":"NEW"}`},
		{"escapes", `{"replyToken":"\u0061\"b","x":"é\\"}`, `{"replyToken":"NEW","x":"é\\"}`},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := appendEdited([]byte(">"), []byte(tc.object), []edit{{"deliveryContext.isRedelivery", "true"}, {"replyToken", `"NEW"`}})
			if string(got) != ">"+tc.want {
				t.Errorf("got  %s\nwant >%s", got, tc.want)
			}
		})
	}
}

func FuzzAppendEdited(f *testing.F) {
	for _, s := range []string{`{}`, `{"replyToken":"a","deliveryContext":{"isRedelivery":false}}`, `{"replyToken":{"deliveryContext":[]}}`, `{"deliveryContext":[1],"replyToken":null}`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, object string) {
		if !json.Valid([]byte(object)) || !gjson.Parse(object).IsObject() {
			return // the front desk takes no others
		}
		got := appendEdited(nil, []byte(object), []edit{{"replyToken", `"NEW"`}, {"deliveryContext.isRedelivery", "true"}})
		if !json.Valid(got) {
			t.Errorf("%s became %s", object, got)
		}
		if old := gjson.Get(object, "replyToken"); old.Exists() && gjson.GetBytes(got, "replyToken").Str != "NEW" {
			t.Errorf("%s keeps its token: %s", object, got)
		}
	})
}
