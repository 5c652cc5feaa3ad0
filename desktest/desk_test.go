package desktest_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/desktest"
)

func Example() {
	greet := frontdesk.HandlerFunc(func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		profile, err := d.Profile(ctx, ev.Source.UserID)
		if err != nil {
			return err
		}
		return d.Send(frontdesk.Text("Hello, " + profile.DisplayName))
	})
	desk := desktest.New(desktest.WithProfile(frontdesk.Profile{UserID: "U1", DisplayName: "Hanako"}))
	err := greet.Handle(context.Background(), desk, desktest.TextEvent("U1", "hi"))
	fmt.Println(desk.Texts(""), err)

	err = greet.Handle(context.Background(), desk, desktest.TextEvent("U2", "hi"))
	fmt.Println(errors.Is(err, frontdesk.ErrNoProfile))
	// Output:
	// [Hello, Hanako] <nil>
	// true
}

func TestDeskKeepsWhatIsSent(t *testing.T) {
	d := desktest.New()
	if err := d.Send(frontdesk.Text("a"), frontdesk.Sticker("446", "1988")); err != nil {
		t.Fatal(err)
	}
	if err := d.Push("U2", frontdesk.Text("b")); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a", "[sticker]"}, d.Texts("")); diff != "" {
		t.Errorf("sent (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"b"}, d.Texts("U2")); diff != "" {
		t.Errorf("pushed (-want +got):\n%s", diff)
	}
	sent := d.Sent()
	if len(sent) != 3 || sent[2].To != "U2" || string(sent[2].JSON) != `{"text":"b","type":"text"}` {
		t.Errorf("got %+v", sent)
	}
	sent[0].To = "changed"
	if d.Sent()[0].To != "" {
		t.Error("the desk gave away its own list")
	}
}

func TestDeskRefusesWhatTheServerRefuses(t *testing.T) {
	d := desktest.New()
	var drop *frontdesk.DropError
	if err := d.Push("", frontdesk.Text("a")); !errors.As(err, &drop) {
		t.Errorf("push to nobody: got %v, want a drop", err)
	}
	if err := d.Send(nil); err == nil {
		t.Error("a nil message was taken")
	}
	for range frontdesk.MaxMessages {
		if err := d.Send(frontdesk.Text("a")); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Send(frontdesk.Text("a")); !errors.As(err, &drop) {
		t.Errorf("one message too many: got %v, want a drop", err)
	}
	if err := d.Send(); err != nil {
		t.Errorf("no message: %v", err)
	}
}

func TestContentAndErrors(t *testing.T) {
	d := desktest.New(desktest.WithContent("7", "image/png", []byte("png")))
	media, err := d.Content(t.Context(), "7")
	if err != nil {
		t.Fatal(err)
	}
	data, err := io.ReadAll(media.Body)
	if err != nil || string(data) != "png" || media.Length != 3 || media.ContentType != "image/png" {
		t.Errorf("got %q %+v, %v", data, media, err)
	}
	if _, err := d.Content(t.Context(), "8"); !errors.Is(err, frontdesk.ErrGone) {
		t.Errorf("got %v, want ErrGone", err)
	}
	down := errors.New("LINE does not answer")
	d = desktest.New(desktest.WithError(down))
	if _, err := d.Content(t.Context(), "7"); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
	if _, err := d.Profile(t.Context(), "U1"); !errors.Is(err, down) {
		t.Errorf("got %v", err)
	}
}

func TestEvents(t *testing.T) {
	for _, tc := range []struct {
		name         string
		ev           *frontdesk.Event
		typ          string
		conversation string
		reply        bool
	}{
		{"text", desktest.TextEvent("U1", "hi"), frontdesk.TypeMessage, "U1", true},
		{"image", desktest.MessageEvent("U1", map[string]any{"type": "image"}), frontdesk.TypeMessage, "U1", true},
		{"group", desktest.GroupTextEvent("C1", "U1", "hi"), frontdesk.TypeMessage, "C1", true},
		{"follow", desktest.FollowEvent("U1", true), frontdesk.TypeFollow, "U1", true},
		{"unfollow", desktest.UnfollowEvent("U1"), frontdesk.TypeUnfollow, "U1", false},
		{"join", desktest.JoinEvent("C1"), frontdesk.TypeJoin, "C1", true},
		{"postback", desktest.PostbackEvent("U1", "buy"), frontdesk.TypePostback, "U1", true},
		{"raw", desktest.Event(`{"type":"beacon","source":{"type":"user","userId":"U1"},"replyToken":"t"}`), "beacon", "U1", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			ev := tc.ev
			if ev.Type != tc.typ || ev.Conversation != tc.conversation || (ev.ReplyToken != "") != tc.reply {
				t.Errorf("got %+v", ev)
			}
			if ev.ID == "" || ev.Attempt != 1 || ev.Channel != desktest.Channel || ev.Mode != "active" || ev.Timestamp.IsZero() || ev.Accepted.IsZero() {
				t.Errorf("something is missing in %+v", ev)
			}
			if _, err := ev.SDK(); err != nil {
				t.Error(err)
			}
		})
	}
	if a, b := desktest.TextEvent("U1", "hi"), desktest.TextEvent("U1", "hi"); a.ID == b.ID {
		t.Error("two events have the same ID")
	}
}

func TestBadEventsPanic(t *testing.T) {
	for _, raw := range []string{``, `[]`, `{}`, `{"type":"message","timestamp":"x"}`} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", raw)
				}
			}()
			desktest.Event(raw)
		}()
	}
}

func TestDeskServesManyAtOnce(t *testing.T) {
	d := desktest.New()
	var wg sync.WaitGroup
	for range frontdesk.MaxMessages {
		wg.Go(func() {
			if err := d.Send(frontdesk.Text("a")); err != nil {
				t.Error(err)
			}
			d.Texts("")
		})
	}
	wg.Wait()
	if got := len(d.Sent()); got != frontdesk.MaxMessages {
		t.Errorf("%d messages, want %d", got, frontdesk.MaxMessages)
	}
}
