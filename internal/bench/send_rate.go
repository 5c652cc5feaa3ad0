package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

const (
	// allowed is LINE's rate of pushes a second.
	// Source: Messaging API reference, Rate limits.
	allowed = 2000
	// settle is left out of the measurement of a rate.
	settle = time.Second
)

// sendRate measures pushes a second beside a loop that only calls.
func sendRate(ctx context.Context, w io.Writer, opt SendOptions) error {
	fmt.Fprintf(w, "Different pushes, each to another user; LINE takes %d a second and each call %v (%d rounds of %v, median)\n",
		allowed, latency, opt.Rounds, opt.Duration)
	var rates, loops []float64
	var limited int64
	for range opt.Rounds {
		perSecond, refused, err := pushRate(ctx, opt, linesim.Rates{})
		if err != nil {
			return err
		}
		loop, err := bareLoop(ctx, opt)
		if err != nil {
			return err
		}
		rates, loops, limited = append(rates, perSecond), append(loops, loop), limited+refused
	}
	slices.Sort(rates)
	slices.Sort(loops)
	rate, loop := rates[len(rates)/2], loops[len(loops)/2]
	fmt.Fprintf(w, "  %.0f a second, %.1f %% of the allowed rate, refused (429): %d; a bare loop of calls without limits makes %.0f a second\n\n",
		rate, 100*rate/allowed, limited, loop)
	return nil
}

// pushRate measures pushes a second from a backlog that does not end meanwhile.
func pushRate(ctx context.Context, opt SendOptions, rates linesim.Rates) (perSecond float64, limited int64, err error) {
	s, err := newSending(opt.Dir, linesim.Config{Rates: rates})
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	n := int((opt.Duration + settle + 2*time.Second).Seconds() * allowed)
	users, err := s.addUsers(n) // two pushes to one would share a call
	if err != nil {
		return 0, 0, err
	}
	if err := s.store(n, users, strconv.Itoa); err != nil {
		return 0, 0, err
	}
	s.start()
	if err := pass(ctx, settle); err != nil {
		return 0, 0, err
	}
	start := time.Now()
	before, _ := s.sent("push")
	if err := pass(ctx, opt.Duration); err != nil {
		return 0, 0, err
	}
	after, limited := s.sent("push")
	return float64(after-before) / time.Since(start).Seconds(), limited, nil
}

// bareLoop measures calls a second without a store, an order or a limit.
func bareLoop(ctx context.Context, opt SendOptions) (perSecond float64, err error) {
	p, err := newPlatform(linesim.Config{Rates: linesim.Rates{Off: true}})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, p.stop()) }()
	users, err := p.addUsers(256)
	if err != nil {
		return 0, err
	}
	lasting := min(opt.Duration, 5*time.Second)
	ctx, cancel := context.WithTimeout(ctx, lasting)
	defer cancel()
	var made atomic.Int64
	var wg sync.WaitGroup
	for _, u := range users {
		wg.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				if _, err := p.client.Push(ctx, u, textMessage(strconv.Itoa(i)), ""); err == nil {
					made.Add(1)
				}
			}
		})
	}
	wg.Wait()
	return float64(made.Load()) / lasting.Seconds(), nil
}

// sendHalf measures how soon the outbox finds that LINE takes half of what it
// publishes, with the bucket full and nearly empty at first.
func sendHalf(ctx context.Context, w io.Writer, opt SendOptions) error {
	fmt.Fprintf(w, "LINE takes half of its published rate, %d pushes a second\n", allowed/2)
	for _, burst := range []int64{1000, 20} {
		if err := halfOnce(ctx, w, opt, linesim.Rates{Factor: 0.5, BurstMS: burst}); err != nil {
			return err
		}
	}
	fmt.Fprintln(w)
	return nil
}

func halfOnce(ctx context.Context, w io.Writer, opt SendOptions, rates linesim.Rates) (err error) {
	s, err := newSending(opt.Dir, linesim.Config{Rates: rates})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	const (
		seconds = 15
		quarter = 250 * time.Millisecond
	)
	n := (seconds + 2) * allowed / 2
	users, err := s.addUsers(n)
	if err != nil {
		return err
	}
	if err := s.store(n, users, strconv.Itoa); err != nil {
		return err
	}
	s.start()
	start := time.Now()
	var first, found time.Duration
	var before, last int64
	calm := 0 // quarters of a second in a row with less than 1 call in 50 refused
	for tick := quarter; tick <= seconds*time.Second; tick += quarter {
		if err := pass(ctx, time.Until(start.Add(tick))); err != nil {
			return err
		}
		taken, limited := s.sent("push")
		if limited > last && first == 0 {
			first = tick
		}
		if refused := limited - last; refused*50 > taken-before+refused {
			calm = 0
		} else {
			calm++
		}
		if first > 0 && found == 0 && calm == 4 {
			found = tick - 4*quarter
		}
		before, last = taken, limited
	}
	took, _ := s.sent("push")
	if err := until(ctx, time.Minute, func() bool { taken, _ := s.sent("push"); return taken >= int64(n) }); err != nil {
		return err
	}
	_, all := s.sent("push")
	fmt.Fprintf(w, "  a bucket of %d ms: first 429 after %v, rate found %v later; 429s: %d; %.1f %% of what LINE takes in %d s; messages lost: %d\n",
		rates.BurstMS, first, found-first, all, 100*float64(took)/(seconds*allowed/2+float64(rates.BurstMS)), seconds, int64(n)-s.sim.Stats().Messages["push"])
	return nil
}

// pass waits.
func pass(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
