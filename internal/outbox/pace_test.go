package outbox

import (
	"fmt"
	"testing"
	"time"
)

// limit is LINE's side: a token bucket.
type limit struct {
	perSecond, tokens, capacity float64
	at                          time.Time
}

func (l *limit) allows(now time.Time) bool {
	l.tokens = min(l.capacity, l.tokens+now.Sub(l.at).Seconds()*l.perSecond)
	l.at = now
	if l.tokens < 1 {
		return false
	}
	l.tokens--
	return true
}

// pacing makes calls at the pacer's rate for some time, each to another user,
// and returns how many were taken and refused.
func pacing(p *pacer, l *limit, now *time.Time, lasting time.Duration) (taken, refused int) {
	for end := now.Add(lasting); now.Before(end); {
		*now = now.Add(time.Duration(float64(time.Second) / p.now))
		if l.allows(*now) {
			taken++
			p.taken(*now)
		} else {
			refused++
			p.refuse(*now, *now, fmt.Sprint("U", refused))
		}
	}
	return taken, refused
}

// LINE's rate is not the published one: the pacer finds it within seconds, stays
// there without many refusals, and comes back when LINE takes more again.
func TestPacerFindsTheRate(t *testing.T) {
	for _, share := range []float64{0.1, 0.5, 0.9} {
		for _, burst := range []float64{0.01, 1} { // of a second's calls
			t.Run(fmt.Sprintf("%v of the rate, burst of %v s", share, burst), func(t *testing.T) {
				now := time.Unix(1_800_000_000, 0)
				p := newPacer(2000)
				actual := share * 2000
				l := &limit{perSecond: actual, capacity: max(1, burst*actual), tokens: burst * actual, at: now}
				for refused := 0; refused == 0; { // until the bucket is empty
					_, refused = pacing(p, l, &now, time.Millisecond)
				}
				pacing(p, l, &now, 5*time.Second)
				if p.now < 0.85*actual || p.now > 1.02*actual {
					t.Errorf("5 s later the rate is %.0f, want about %.0f", p.now, actual)
				}
				taken, refused := pacing(p, l, &now, 10*time.Minute)
				if got := float64(taken) / 600; got < 0.85*actual {
					t.Errorf("%.0f a second were taken, want nearly %.0f", got, actual)
				}
				if refused*100 > taken {
					t.Errorf("%d calls were refused beside %d taken", refused, taken)
				}
				t.Logf("afterwards %.1f %% of the rate were used, and 1 call in %d refused", float64(taken)/6/actual, taken/max(1, refused))
				l.perSecond, l.capacity = 2000, 2000*burst
				pacing(p, l, &now, time.Hour)
				if p.now != p.most {
					t.Errorf("an hour after LINE takes all again the rate is %.0f, want %.0f", p.now, p.most)
				}
			})
		}
	}
}

// One user who gets too much does not slow the lane, however long.
func TestPacerIgnoresOneUser(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	p := newPacer(2000)
	for range 10_000 {
		now = now.Add(time.Millisecond)
		p.refuse(now, now, "U1")
	}
	if p.now != p.most {
		t.Errorf("the rate is %.0f, want %.0f", p.now, p.most)
	}
}

// Refusals of calls that were under way when the rate was cut count once.
func TestPacerCutsOnce(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	p := newPacer(2000)
	began := now
	call := func(i int) {
		now = now.Add(time.Millisecond)
		p.taken(now)
		p.refuse(now, began, fmt.Sprint("U", i))
	}
	for i := 0; p.now == p.most; i++ {
		call(i)
	}
	cut := p.now
	for i := range 2000 {
		call(i)
	}
	if p.now != cut {
		t.Errorf("the rate is %.0f, want %.0f as after the first cut", p.now, cut)
	}
}
