package server

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"testing/synctest"
	"time"
)

func TestWatchStore(t *testing.T) {
	sick := errors.New("no space left on device")
	tests := []struct {
		name     string
		embedded bool
		sickFrom time.Duration // since the start
		sickTo   time.Duration
		ends     time.Duration // when the server is told to end, 0 for never
	}{
		{"healthy", true, time.Hour, time.Hour, 0},
		{"sick for a moment, again and again", true, 10 * time.Second, 14 * time.Second, 0},
		{"stays sick", true, 10 * time.Second, time.Hour, 15 * time.Second},
		{"an external store stays away", false, 10 * time.Second, time.Hour, 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				start := time.Now()
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
				defer cancel()
				err := watchStore(ctx, func() error {
					at := time.Since(start)
					if tt.sickTo < 30*time.Second { // it passes, and comes back
						at %= 30 * time.Second
					}
					if at >= tt.sickFrom && at < tt.sickTo {
						return sick
					}
					return nil
				}, tt.embedded, slog.New(slog.DiscardHandler))
				if (err != nil) != (tt.ends > 0) || err != nil && !errors.Is(err, sick) {
					t.Fatalf("got %v, want an end: %v", err, tt.ends > 0)
				}
				if took := time.Since(start); err != nil && took != tt.ends {
					t.Errorf("ended after %v, want %v", took, tt.ends)
				}
			})
		})
	}
}
