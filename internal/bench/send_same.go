package bench

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// sendSame measures the calls that identical pushes take.
func sendSame(ctx context.Context, w io.Writer, opt SendOptions) (err error) {
	s, err := newSending(opt.Dir, linesim.Config{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	users, err := s.addUsers(opt.Same)
	if err != nil {
		return err
	}
	s.start() // so that they come one after the other
	start := time.Now()
	if err := s.store(opt.Same, users, func(int) string { return "The shop opens at ten." }); err != nil {
		return err
	}
	err = until(ctx, 5*time.Minute, func() bool {
		stats := s.sim.Stats()
		return stats.Messages["push"]+stats.Messages["multicast"] >= int64(opt.Same)
	})
	if err != nil {
		return err
	}
	took := time.Since(start)
	if err := until(ctx, time.Minute, func() bool { return s.out.Backlog("main").Sends == 0 }); err != nil { // the last answers
		return err
	}
	multicasts, limited := s.sent("multicast")
	pushes, _ := s.sent("push")
	stats := s.sim.Stats()
	fmt.Fprintf(w, "%d identical pushes: %d multicasts and %d pushes in %v; refused (429): %d; lost 0, doubled %d\n\n", opt.Same, multicasts, pushes,
		took.Round(10*time.Millisecond), limited, stats.Messages["push"]+stats.Messages["multicast"]-int64(opt.Same))
	return nil
}

func textMessage(text string) []json.RawMessage {
	data, err := json.Marshal(map[string]string{"type": "text", "text": text})
	if err != nil {
		panic(err) // strings always can
	}
	return []json.RawMessage{data}
}
