package dispatch

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/line-frontdesk/frontdesk"
)

func TestLoading(t *testing.T) {
	user := frontdesk.Source{Type: "user", UserID: "U1"}
	group := frontdesk.Source{Type: "group", GroupID: "C1", UserID: "U1"}
	tests := []struct {
		name    string
		source  frontdesk.Source
		mode    string
		takes   time.Duration
		refused bool
		want    []time.Duration // when the animation is asked for
	}{
		{"fast", user, "active", 900 * time.Millisecond, false, nil},
		{"slow", user, "active", 1500 * time.Millisecond, false, []time.Duration{time.Second}},
		{"very slow", user, "active", 45 * time.Second, false, []time.Duration{time.Second, 19 * time.Second, 37 * time.Second}},
		{"LINE refuses", user, "active", 45 * time.Second, true, []time.Duration{time.Second}},
		{"groups have none", group, "active", 45 * time.Second, false, nil},
		{"another module answers", user, "standby", 45 * time.Second, false, nil},
		{"no user", frontdesk.Source{}, "active", 45 * time.Second, false, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				var got []time.Duration
				d := &Dispatcher{lg: slog.New(slog.DiscardHandler), cfg: Config{
					LoadingAfter: time.Second,
					Loading: func(_ context.Context, channel, userID string, _ time.Duration) error {
						got = append(got, time.Since(start))
						if channel != "main" || userID != "U1" {
							t.Errorf("asked for %s in %s", userID, channel)
						}
						if tt.refused {
							return errors.New("refused")
						}
						return nil
					},
				}}
				end := d.showLoading(t.Context(), &frontdesk.Event{Channel: "main", Source: tt.source, Mode: tt.mode})
				time.Sleep(tt.takes) // of the bubble's clock
				end()
				time.Sleep(time.Hour)
				if !slices.Equal(got, tt.want) {
					t.Errorf("asked after %v, want %v", got, tt.want)
				}
			})
		})
	}
}

// A call that is under way when the handler ends is waited for: none follows
// the answer.
func TestLoadingEndsBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		calling := false
		d := &Dispatcher{lg: slog.New(slog.DiscardHandler), cfg: Config{
			LoadingAfter: time.Second,
			Loading: func(ctx context.Context, _, _ string, _ time.Duration) error {
				calling = true
				<-ctx.Done()
				time.Sleep(time.Second) // it takes its time to end
				calling = false
				return ctx.Err()
			},
		}}
		end := d.showLoading(t.Context(), &frontdesk.Event{Source: frontdesk.Source{Type: "user", UserID: "U1"}})
		time.Sleep(2 * time.Second)
		end()
		if calling {
			t.Error("a call is under way after the end")
		}
	})
}
