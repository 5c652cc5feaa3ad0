package chatload

import (
	"context"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// silentPause is how long one who was turned away waits before it comes again.
const silentPause = 5 * time.Second

// silent measures a few who talk, first alone, then beside many connections that
// never say who they are: every other one ends in the middle of its request, the
// rest upgrade and say no hello. Those that the server ends come again.
func silent(ctx context.Context, job Job, held func(Result) error) error {
	var alone Result
	if err := pairs(ctx, job, func(r Result) error { alone = r; return nil }); err != nil {
		return err
	}
	others := newStrangers(ctx, job)
	defer others.close()
	pause(ctx, silentPause) // until all are there
	return pairs(ctx, job, func(r Result) error {
		r.P50, r.P99 = alone.AckP50, alone.AckP99
		r.Open, r.Refused, r.Ended = others.open.Load(), others.refused.Load(), others.ended.Load()
		return held(r)
	})
}

// strangers are connections that keep silent.
type strangers struct {
	job    Job
	cancel context.CancelFunc
	all    sync.WaitGroup

	open    atomic.Int64 // now
	refused atomic.Int64 // before they were open
	ended   atomic.Int64 // by the server
}

func newStrangers(ctx context.Context, job Job) *strangers {
	ctx, cancel := context.WithCancel(ctx)
	s := &strangers{job: job, cancel: cancel}
	for i := range job.Silent {
		s.all.Go(func() { // ended and awaited by close
			pause(ctx, silentPause*time.Duration(i)/time.Duration(job.Silent)/2)
			for ctx.Err() == nil {
				s.visit(ctx, i%2 == 0)
				pause(ctx, silentPause)
			}
		})
	}
	return s
}

// visit opens one connection and waits for its end.
func (s *strangers) visit(ctx context.Context, upgrade bool) {
	var c conn
	if upgrade {
		if c.dial(s.job.Addr, s.job.Path) != nil {
			s.refused.Add(1)
			return
		}
	} else {
		tcp, err := net.DialTimeout("tcp", s.job.Addr, stepLimit)
		if err != nil {
			s.refused.Add(1)
			return
		}
		c.tcp = tcp.(*net.TCPConn)
		c.tcp.SetLinger(0)
		io.WriteString(c.tcp, "GET "+s.job.Path+" HTTP/1.1\r\nHost: ") // an error shows at the read
	}
	defer c.tcp.Close()
	defer context.AfterFunc(ctx, func() { c.tcp.Close() })()
	s.open.Add(1)
	io.Copy(io.Discard, c.tcp) // until the server ends it
	s.open.Add(-1)
	if ctx.Err() == nil {
		s.ended.Add(1)
	}
}

func (s *strangers) close() {
	s.cancel()
	s.all.Wait()
}
