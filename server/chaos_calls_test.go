package server_test

import (
	"cmp"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/line-frontdesk/frontdesk/linesim"
)

const (
	maxMessages   = 5   // in a call (messaging-api.yml)
	maxRecipients = 500 // of a multicast (messaging-api.yml, MulticastRequest)
)

// published returns how many calls a second LINE allows (Messaging API
// reference, Rate limits).
func published(endpoint string) int {
	switch endpoint {
	case "multicast":
		return 200
	case "loading":
		return 100
	}
	return 2000
}

// span is a time in which the rates were below LINE's.
type span struct{ from, until time.Time }

// callCount counts calls to one endpoint by what became of them.
type callCount struct {
	all, again, conflict, limited, failed, silent int
	perSecond                                     int // in the busiest second
}

// callReport is what the records of the simulator tell of the calls.
type callReport struct {
	count     map[string]*callCount      // by endpoint
	taken     int                        // calls that send and that LINE took
	multicast struct{ calls, users int } // of these
	broken    int                        // rules of LINE
	notes     []string
}

func (r *callReport) breaks(c *linesim.Call, format string, args ...any) {
	if r.broken++; r.broken <= maxNotes {
		r.notes = append(r.notes, fmt.Sprintf("call %d, %s, status %d: ", c.Seq, c.Endpoint, c.Status)+fmt.Sprintf(format, args...))
	}
}

// judgeCalls holds calls to LINE's rules.
func judgeCalls(calls []linesim.Call, lowered []span) *callReport {
	r := &callReport{count: map[string]*callCount{}}
	accepted := map[string]int{} // by reply token
	for i := range calls {
		if c := &calls[i]; c.ReplyToken != "" && wasAccepted(c) {
			if accepted[c.ReplyToken]++; accepted[c.ReplyToken] == 2 {
				r.breaks(c, "a reply token was accepted twice")
			}
		}
	}
	bodies, tokens := map[string]string{}, map[string]bool{} // of earlier calls
	times := map[string][]time.Time{}
	for i := range calls {
		c := &calls[i]
		if c.Seq != int64(i+1) {
			r.breaks(c, "a record is missing before it")
		}
		if r.count[c.Endpoint] == nil {
			r.count[c.Endpoint] = &callCount{}
		}
		r.count[c.Endpoint].add(c)
		times[c.Endpoint] = append(times[c.Endpoint], c.At)
		if slices.Contains(sendEndpoints(), c.Endpoint) && wasAccepted(c) {
			r.taken++
		}
		r.judgeStatus(c, accepted, lowered)
		if c.BodySHA256 == "" {
			continue // it did not arrive whole
		}
		r.judgeSize(c)
		if _, ok := bodies[c.RetryKey]; ok && c.RetryKey != "" || tokens[c.ReplyToken] && c.ReplyToken != "" {
			r.count[c.Endpoint].again++
		}
		tokens[c.ReplyToken] = true
		r.judgeKey(c, bodies)
	}
	for endpoint, at := range times {
		r.judgeRate(endpoint, at)
	}
	return r
}

// wasAccepted reports whether LINE took a call, whatever it answered.
func wasAccepted(c *linesim.Call) bool {
	return c.Status == http.StatusOK || c.Fault == linesim.FaultAccepted
}

// wasRefused reports whether LINE said that it did not take a call.
func wasRefused(c *linesim.Call) bool {
	return !wasAccepted(c) && c.Status >= 400 && c.Status < 500 && c.Status != http.StatusConflict
}

func (n *callCount) add(c *linesim.Call) {
	n.all++
	switch {
	case c.Status == 0:
		n.silent++
	case c.Status == http.StatusConflict:
		n.conflict++
	case c.Status == http.StatusTooManyRequests:
		n.limited++
	case c.Status >= 500:
		n.failed++
	}
}

// judgeStatus says which answers of LINE a server must not cause.
func (r *callReport) judgeStatus(c *linesim.Call, accepted map[string]int, lowered []span) {
	switch {
	case c.Status < 400 || c.Status >= 500 || c.Status == http.StatusConflict:
	case c.Status == http.StatusTooManyRequests:
		// The time of a call is that of its first byte, before its rate is looked at.
		low := func(s span) bool { return c.At.After(s.from.Add(-time.Second)) && c.At.Before(s.until) }
		if c.Fault == "" && !slices.ContainsFunc(lowered, low) {
			r.breaks(c, "the rates were LINE's own")
		}
	case c.BodySHA256 == "" && (slices.Contains(sendEndpoints(), c.Endpoint) || c.Endpoint == "loading"): // killed while it wrote
	case c.Endpoint == "reply" && accepted[c.ReplyToken] > 0: // tried again after a reply that had arrived
	default:
		r.breaks(c, "nothing explains it")
	}
}

// judgeSize holds a call to the sizes that LINE takes.
func (r *callReport) judgeSize(c *linesim.Call) {
	if !slices.Contains(sendEndpoints(), c.Endpoint) {
		return
	}
	if c.Messages < 1 || c.Messages > maxMessages {
		r.breaks(c, "%d messages", c.Messages)
	}
	if c.Endpoint == "multicast" {
		if c.Recipients < 1 || c.Recipients > maxRecipients {
			r.breaks(c, "%d recipients", c.Recipients)
		}
		if wasAccepted(c) {
			r.multicast.calls++
			r.multicast.users += c.Recipients
		}
	}
}

// judgeKey holds a call to the rules of retry keys: none on a reply, one on
// every other call that sends, and always the same call with the same key. What
// LINE refused for certain used up no key.
func (r *callReport) judgeKey(c *linesim.Call, bodies map[string]string) {
	switch {
	case !slices.Contains(sendEndpoints(), c.Endpoint):
	case c.Endpoint == "reply" && c.RetryKey != "":
		r.breaks(c, "a reply takes no retry key")
	case c.Endpoint != "reply" && c.RetryKey == "":
		r.breaks(c, "without a retry key")
	case c.RetryKey != "" && !wasRefused(c):
		body := c.Endpoint + " " + c.BodySHA256
		if first, ok := bodies[c.RetryKey]; ok && first != body {
			r.breaks(c, "key %s came with another body before", c.RetryKey)
		}
		bodies[c.RetryKey] = body
	}
}

// judgeRate finds the busiest second of an endpoint. A tenth more than the rate
// passes: on a busy machine calls arrive in bunches; and 40 more, because a
// server that starts anew begins with a full bucket.
func (r *callReport) judgeRate(endpoint string, at []time.Time) {
	slices.SortFunc(at, time.Time.Compare)
	first, most := 0, 0
	for i := range at {
		for at[i].Sub(at[first]) >= time.Second {
			first++
		}
		most = max(most, i-first+1)
	}
	r.count[endpoint].perSecond = most
	if limit := published(endpoint); most > limit+limit/10+40 {
		r.broken++
		r.notes = append(r.notes, fmt.Sprintf("%s: %d calls in a second, LINE allows %d", endpoint, most, limit))
	}
}

// judgeReplies finds answers that were pushed although a reply may have
// brought them.
func (r *callReport) judgeReplies(calls []linesim.Call, m *model, p *phones) {
	events := map[string]int{} // by reply token
	for n := range m.fates {
		events[m.fates[n].token] = n
	}
	doubt := map[int]*linesim.Call{}
	for i := range calls {
		c := &calls[i]
		if n, ok := events[c.ReplyToken]; ok && c.Endpoint == "reply" && (c.Status == 0 || c.Status >= 500) {
			doubt[n] = c
		}
	}
	for n, c := range doubt {
		chat := m.fates[n].source
		s := p.of(m.viewers(chat)[0], chat)
		for _, text := range m.firstCall(n) {
			if a := s.arrivals[text]; len(a) > 0 && a[0].via != linesim.ViaReply {
				r.breaks(c, "the reply was in doubt, and %q came by %s", text, a[0].via)
			}
		}
	}
}

// endpoints returns the endpoints that were called, the busiest first.
func (r *callReport) endpoints() []string {
	var names []string
	for name := range r.count {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(r.count[b].all, r.count[a].all), cmp.Compare(a, b))
	})
	return names
}
