package gateway

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/tidwall/gjson"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/internal/engine"
)

const invalidToken = `{"message":"Invalid reply token"}`

// Every sending call becomes one entry of the outbox.
func TestSends(t *testing.T) {
	h := newHall(t, nil, nil)
	ev := said("E1", garden)
	both := `[{"type":"text","text":"a"},{"type":"sticker","packageId":"1","stickerId":"2"}]`
	for _, tc := range []struct {
		name, op, body, answer string
		want                   engine.Entry
	}{
		{
			"reply", "reply", `{"replyToken":"` + h.token(ev) + `","messages":` + both + `,"notificationDisabled":true}`, "2 messages",
			engine.Entry{EventID: "E1", Sends: []engine.Send{{
				To: garden, ReplyToken: ev.ReplyToken, ReplyUntil: ev.Accepted.Add(55 * time.Second).Truncate(time.Millisecond),
				Messages: messages(both), Silent: true,
			}}},
		},
		{
			"push", "push", `{"to":"` + hanako + `","messages":` + hello + `,"customAggregationUnits":["sale"]}`, "1 messages",
			engine.Entry{Sends: []engine.Send{{To: hanako, Messages: messages(hello), Units: []string{"sale"}}}},
		},
		{
			"multicast", "multicast", `{"to":["` + hanako + `"],"messages":` + hello + `}`, "{}",
			engine.Entry{Bulk: true, Sends: []engine.Send{{Users: []string{hanako}, Messages: messages(hello)}}},
		},
		{
			"broadcast", "broadcast", `{"messages":` + hello + `}`, "{}",
			engine.Entry{Bulk: true, Sends: []engine.Send{{Broadcast: true, Messages: messages(hello)}}},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := h.send(tc.op, tc.body)
			answer := got.body
			if sent := gjson.Get(answer, "sentMessages").Array(); len(sent) > 0 {
				answer = fmt.Sprint(len(sent), " messages")
				for _, m := range sent {
					if len(m.Get("id").Str) != 18 {
						t.Errorf("message ID is %s", m)
					}
				}
			}
			if got.status != http.StatusOK || answer != tc.answer {
				t.Errorf("answered %d %s, want %s", got.status, got.body, tc.answer)
			}
			entries := h.entries()
			last := entries[len(entries)-1]
			tc.want.Channel = "main"
			if diff := cmp.Diff(tc.want, last, cmpopts.IgnoreFields(engine.Entry{}, "ID", "At")); diff != "" {
				t.Errorf("entry (-want +got):\n%s", diff)
			}
			if time.Since(last.At) > time.Minute || !strings.HasPrefix(last.ID, "main") {
				t.Errorf("got entry %s of %v", last.ID, last.At)
			}
		})
	}
}

// A reply token works once, also over restarts and for those who come at once.
func TestReplyOnce(t *testing.T) {
	h := newHall(t, nil, nil)
	token := h.token(said("E1", hanako))
	var wg sync.WaitGroup
	statuses := make([]int, 20)
	for i := range statuses {
		wg.Go(func() { statuses[i] = h.reply(token, hello).status })
	}
	wg.Wait()
	slices.Sort(statuses)
	if want := append([]int{200}, slices.Repeat([]int{400}, 19)...); !slices.Equal(statuses, want) {
		t.Errorf("answered %v, want one 200", statuses)
	}
	h.reply(token, hello).want(t, 400, invalidToken)
	h.restart()
	h.reply(token, hello).want(t, 400, invalidToken)
	if diff := cmp.Diff([]string{"main/E1#reply"}, h.ids()); diff != "" {
		t.Errorf("outbox (-want +got):\n%s", diff)
	}
}

// What the bot replied to an event is not sent again when the event is forwarded
// again, and the bot can come to an end.
func TestReplyToForwardedAgain(t *testing.T) {
	h := newHall(t, nil, nil)
	ev := said("E1", hanako)
	first := h.reply(h.token(ev), `[{"type":"text","text":"a"},{"type":"text","text":"b"}]`)
	if first.status != 200 {
		t.Fatalf("answered %d %s", first.status, first.body)
	}
	for _, when := range []string{"in the same process", "after a restart"} {
		token := h.token(ev)
		again := h.reply(token, hello)
		if again.status != 200 || again.body != first.body || again.header.Get("X-Line-Request-Id") != first.header.Get("X-Line-Request-Id") {
			t.Errorf("%s: answered %d %s, want %s as before", when, again.status, again.body, first.body)
		}
		h.restart()
	}
	h.reply(h.token(said("E2", hanako)), hello) // another event
	if diff := cmp.Diff([]string{"main/E1#reply", "main/E2#reply"}, h.ids()); diff != "" {
		t.Errorf("outbox (-want +got):\n%s", diff)
	}
}

// Tokens end. Before that, what comes after LINE's has ended is pushed, or
// refused where the channel wants it.
func TestLateReplies(t *testing.T) {
	for _, tc := range []struct {
		name      string
		change    func(*replyToken)
		refuse    bool
		status    int
		lineToken string // in the entry
	}{
		{"in time", func(*replyToken) {}, false, 200, "line-token"},
		{"LINE's token has ended", func(r *replyToken) { r.LineUntil = time.Now().Add(-time.Second).UnixMilli() }, false, 200, ""},
		{"LINE would not take its token", func(r *replyToken) { r.LineToken, r.LineUntil = "", 0 }, false, 200, ""},
		{"our token nearly ends", func(r *replyToken) { r.Issued = time.Now().Add(time.Minute - tokenLife).UnixMilli() }, false, 200, "line-token"},
		{"our token has ended", func(r *replyToken) { r.Issued = time.Now().Add(-time.Second - tokenLife).UnixMilli() }, false, 400, ""},
		{"another channel's", func(r *replyToken) { r.Channel = "other" }, false, 400, ""},
		{"late pushes refused", func(r *replyToken) { r.LineUntil = time.Now().Add(-time.Second).UnixMilli() }, true, 400, ""},
		{"late pushes refused, in time", func(*replyToken) {}, true, 200, "line-token"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			h := newHall(t, nil, func(cfg *Config) { cfg.Channels[0].RefuseLate = tc.refuse })
			tok := replyToken{
				Channel: "main", Conversation: hanako, EventID: "E1", LineToken: "line-token",
				LineUntil: time.Now().Add(time.Minute).UnixMilli(), Issued: time.Now().UnixMilli(), Forward: 1,
			}
			tc.change(&tok)
			got := h.reply(h.g.seal.make(sealedReply, tok), hello)
			if got.status != tc.status {
				t.Fatalf("answered %d %s, want %d", got.status, got.body, tc.status)
			}
			if tc.status != 200 {
				got.want(t, 400, invalidToken)
				if ids := h.ids(); len(ids) > 0 {
					t.Errorf("stored %v", ids)
				}
				return
			}
			send := h.entries()[0].Sends[0]
			if send.ReplyToken != tc.lineToken || send.ReplyUntil.IsZero() != (tc.lineToken == "") {
				t.Errorf("stored with token %q until %v, want %q", send.ReplyToken, send.ReplyUntil, tc.lineToken)
			}
		})
	}
}

// A refused reply that was stored before is answered as before all the same.
func TestLateReplyToForwardedAgain(t *testing.T) {
	h := newHall(t, nil, func(cfg *Config) {
		cfg.Channels[0].RefuseLate = true
		cfg.ReplyToken = func(ev *frontdesk.Event) (string, time.Time) { return "t", ev.Accepted.Add(time.Minute) }
	})
	ev := said("E1", hanako)
	first := h.reply(h.token(ev), hello)
	ev.Accepted = time.Now().Add(-time.Hour)
	if again := h.reply(h.token(ev), hello); again.status != 200 || again.body != first.body {
		t.Errorf("answered %d %s, want %s", again.status, again.body, first.body)
	}
}

// A retry key is taken once, also over a restart; calls without one are new each.
func TestRetryKeys(t *testing.T) {
	h := newHall(t, nil, nil)
	push := `{"to":"` + hanako + `","messages":` + hello + `}`
	first := h.send("push", push, "X-Line-Retry-Key: "+aKey)
	if first.status != 200 {
		t.Fatalf("answered %d %s", first.status, first.body)
	}
	wanted := `{"message":"The retry key is already accepted",` + first.body[1:]
	for range 2 {
		again := h.send("push", push, "X-Line-Retry-Key: "+strings.ToUpper(aKey))
		again.want(t, 409, wanted)
		if got, want := again.header.Get("X-Line-Accepted-Request-Id"), first.header.Get("X-Line-Request-Id"); got != want {
			t.Errorf("accepted request is %q, want %q", got, want)
		}
		h.restart()
	}
	other := "923e4567-e89b-12d3-a456-426614174000"
	multicast := `{"to":["` + hanako + `"],"messages":` + hello + `}`
	h.send("multicast", multicast, "X-Line-Retry-Key: "+other).want(t, 200, "{}")
	h.send("multicast", multicast, "X-Line-Retry-Key: "+other).want(t, 409, `{"message":"The retry key is already accepted"}`)
	h.send("push", push)
	h.send("push", push)
	if ids := h.ids(); len(ids) != 4 || ids[0] != "main#key#"+aKey || ids[1] != "main#key#"+other {
		t.Errorf("outbox holds %v", ids)
	}
}

// When the store does not take a send, or does not say so, the bot is told to
// try again, and what was stored is not stored twice.
func TestFullOutbox(t *testing.T) {
	h := newHall(t, nil, nil)
	h.room = 2 << 20
	h.restart()
	for _, size := range []int{100_000, 1000, 0} {
		for err := error(nil); err == nil; {
			_, _, err = h.eng.Outbox.Append(&engine.Entry{ID: "filler" + strings.Repeat("x", size)})
		}
	}
	token := h.token(said("E1", hanako))
	for range 3 {
		h.reply(token, hello).want(t, 500, `{"message":"Internal server error"}`)
	}
	if h.g.ledger.known() {
		t.Error("what became of a failed append is taken for known")
	}
	push := `{"to":"` + hanako + `","messages":` + hello + `}`
	h.send("push", push, "X-Line-Retry-Key: "+aKey).want(t, 500, `{"message":"Internal server error"}`)
	if _, err := h.eng.Outbox.Trim(t.Context(), engine.TrimRule{Floor: 1 << 60}, time.Now()); err != nil {
		t.Fatal(err)
	}
	first := h.reply(token, hello)
	if first.status != 200 {
		t.Fatalf("answered %d %s when there is room again", first.status, first.body)
	}
	h.reply(token, hello).want(t, 400, invalidToken)
	if got := h.send("push", push, "X-Line-Retry-Key: "+aKey); got.status != 200 {
		t.Errorf("answered %d %s", got.status, got.body)
	}
	stored := slices.DeleteFunc(h.ids(), func(id string) bool { return strings.HasPrefix(id, "filler") })
	if diff := cmp.Diff([]string{"main/E1#reply", "main#key#" + aKey}, stored); diff != "" {
		t.Errorf("outbox (-want +got):\n%s", diff)
	}
}

// An append that failed may have been stored all the same.
func TestLedgerFindsOut(t *testing.T) {
	h := newHall(t, nil, nil)
	<-h.g.ledger.loaded
	l := h.g.ledger
	entry := &engine.Entry{ID: "main/E1#reply", Sends: []engine.Send{{Messages: messages(hello)}}}
	l.mu.Lock()
	l.failed, l.unsure = 1, l.tail
	l.mu.Unlock()
	if _, _, err := h.eng.Outbox.Append(entry); err != nil {
		t.Fatal(err)
	}
	was, err := l.once(t.Context(), entry, 7, nil)
	if err != nil || was == nil || was.messages != 1 {
		t.Errorf("got %+v, %v, want the entry that the store took", was, err)
	}
	if !l.known() {
		t.Error("it asks again")
	}
	l.trimmed(1 << 60)
	if at := l.at(entry.ID); at.pos != 0 {
		t.Errorf("an entry is known that the log gave up: %v", at.pos)
	}
}
