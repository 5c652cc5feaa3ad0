package frontdesk_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk"
	"github.com/line-frontdesk/frontdesk/desktest"
)

// says is a handler that says its name and what it matched.
func says(name string) frontdesk.HandlerFunc {
	return func(_ context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
		return d.Send(frontdesk.Text(fmt.Sprint(name, ev.Match)))
	}
}

func TestMuxChooses(t *testing.T) {
	const u = "U00000000000000000000000000000001"
	full := frontdesk.NewMux()
	full.Event("message", says("message"))
	full.Event("postback", says("any postback"))
	full.Event("follow", says("follow"))
	full.Message("image", says("image"))
	full.Message("text", says("text"))
	full.Text(`^buy (\d+) (\w+)$`, says("buy"))
	full.Text(`^buy`, says("buy what"))
	full.Postback(`^item=(\d+)`, says("item"))
	full.Timer(`^tea-(\d+)$`, says("tea"))
	full.Default(says("default"))
	small := frontdesk.NewMux()
	small.Text("", says("all texts"))
	small.Postback("", says("all postbacks"))

	image := desktest.MessageEvent(u, map[string]any{"type": "image"})
	video := desktest.MessageEvent(u, map[string]any{"type": "video"})
	edited := desktest.Event(`{"type":"messageEdited","message":{"type":"text","text":"buy 2 tea"}}`)
	for _, tc := range []struct {
		name string
		mux  *frontdesk.Mux
		ev   *frontdesk.Event
		want []string
	}{
		{"text pattern with submatches", full, desktest.TextEvent(u, "buy 2 tea"), []string{"buy[buy 2 tea 2 tea]"}},
		{"the next pattern", full, desktest.TextEvent(u, "buy tea"), []string{"buy what[buy]"}},
		{"message type before event type", full, desktest.TextEvent(u, "hello"), []string{"text[]"}},
		{"another message type", full, image, []string{"image[]"}},
		{"a message that only the event type takes", full, video, []string{"message[]"}},
		{"postback data", full, desktest.PostbackEvent(u, "item=7&n=1"), []string{"item[item=7 7]"}},
		{"another postback", full, desktest.PostbackEvent(u, "other"), []string{"any postback[]"}},
		{"key of a timer", full, desktest.TimerEvent(u, frontdesk.Timer{Key: "tea-7"}), []string{"tea[tea-7 7]"}},
		{"another timer", full, desktest.TimerEvent(u, frontdesk.Timer{Key: "rice"}), []string{"default[]"}},
		{"event type", full, desktest.FollowEvent(u, false), []string{"follow[]"}},
		{"default", full, desktest.UnfollowEvent(u), []string{"default[]"}},
		{"a future type", full, desktest.Event(`{"type":"teleport"}`), []string{"default[]"}},
		{"an edited text is no text", full, edited, []string{"default[]"}},
		{"empty pattern", small, desktest.TextEvent(u, "hello"), []string{"all texts[]"}},
		{"empty pattern of postbacks", small, desktest.PostbackEvent(u, "x"), []string{"all postbacks[]"}},
		{"no rule", small, desktest.FollowEvent(u, false), nil},
		{"no rule for images", small, image, nil},
		{"no rules at all", frontdesk.NewMux(), desktest.TextEvent(u, "hello"), nil},
		{"an event without its parts", full, &frontdesk.Event{Type: "message"}, []string{"message[]"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			desk := desktest.New()
			if err := tc.mux.Handle(t.Context(), desk, tc.ev); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tc.want, desk.Texts("")); diff != "" {
				t.Errorf("handler (-want +got):\n%s", diff)
			}
		})
	}
}

func TestMuxRegistersOnce(t *testing.T) {
	for name, register := range map[string]func(*frontdesk.Mux){
		"message type":     func(m *frontdesk.Mux) { m.Message("image", says("a")); m.Message("image", says("b")) },
		"event type":       func(m *frontdesk.Mux) { m.Event("follow", says("a")); m.Event("follow", says("b")) },
		"bad text pattern": func(m *frontdesk.Mux) { m.Text("(", says("a")) },
		"bad data pattern": func(m *frontdesk.Mux) { m.Postback("(", says("a")) },
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			register(frontdesk.NewMux())
		})
	}
}

func TestMiddlewareOrder(t *testing.T) {
	var steps []string
	step := func(name string) frontdesk.Middleware {
		return func(next frontdesk.Handler) frontdesk.Handler {
			return frontdesk.HandlerFunc(func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
				steps = append(steps, name+" in")
				err := next.Handle(ctx, d, ev)
				steps = append(steps, name+" out")
				return err
			})
		}
	}
	mux := frontdesk.NewMux()
	mux.Event("follow", func(context.Context, frontdesk.Desk, *frontdesk.Event) error {
		steps = append(steps, "handler")
		return errOrder
	})
	mux.Use(step("a"), step("b"))
	mux.Use(step("c"))
	h := frontdesk.Chain(mux, step("outer"))
	if err := h.Handle(t.Context(), desktest.New(), desktest.FollowEvent("U1", false)); !errors.Is(err, errOrder) {
		t.Errorf("got %v", err)
	}
	want := "outer in,a in,b in,c in,handler,c out,b out,a out,outer out"
	if got := strings.Join(steps, ","); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	steps = nil // an event that no rule matches does not reach the mux's own middleware
	if err := h.Handle(t.Context(), desktest.New(), desktest.UnfollowEvent("U1")); err != nil || strings.Join(steps, ",") != "outer in,outer out" {
		t.Errorf("got %v, %v", steps, err)
	}
}

var errOrder = errors.New("no tea left")

func TestMuxServesManyAtOnce(t *testing.T) {
	mux := frontdesk.NewMux()
	mux.Text(`(\d+)`, says("number"))
	var wg sync.WaitGroup
	for i := range 50 {
		wg.Go(func() {
			desk := desktest.New()
			if err := mux.Handle(t.Context(), desk, desktest.TextEvent("U1", fmt.Sprint(i))); err != nil {
				t.Error(err)
			}
			if got, want := desk.Texts("")[0], fmt.Sprintf("number[%d %d]", i, i); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
		})
	}
	wg.Wait()
}

func TestErrors(t *testing.T) {
	if frontdesk.Drop(nil) != nil || frontdesk.Retry(nil, time.Second) != nil || frontdesk.Interrupted(nil, time.Second) != nil {
		t.Error("nil became an error")
	}
	var drop *frontdesk.DropError
	var retry *frontdesk.RetryError
	dropped, retried := frontdesk.Drop(errOrder), frontdesk.Retry(errOrder, time.Minute)
	if !errors.As(fmt.Errorf("order: %w", dropped), &drop) || !errors.Is(dropped, errOrder) || dropped.Error() != errOrder.Error() {
		t.Errorf("got %v", dropped)
	}
	if !errors.As(fmt.Errorf("order: %w", retried), &retry) || retry.After != time.Minute || !errors.Is(retried, errOrder) || retried.Error() != errOrder.Error() {
		t.Errorf("got %v", retried)
	}
	var interrupted *frontdesk.InterruptedError
	left := frontdesk.Interrupted(errOrder, time.Minute)
	if !errors.As(fmt.Errorf("order: %w", left), &interrupted) || interrupted.After != time.Minute || !errors.Is(left, errOrder) || left.Error() != errOrder.Error() {
		t.Errorf("got %v", left)
	}
	if !errors.As(frontdesk.ErrStandby, &drop) {
		t.Error("an answer in standby mode is not dropped")
	}
	for _, p := range []*frontdesk.PanicError{{Value: "secret"}, {Value: errors.New("secret")}} {
		if strings.Contains(p.Error(), "secret") || !strings.Contains(p.Error(), "panicked") {
			t.Errorf("got %q", p.Error())
		}
	}
}
