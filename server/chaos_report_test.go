package server_test

import (
	"fmt"
	"strings"
	"text/tabwriter"
)

// report is the run as a table.
func (c *chaos) report(m *model, p *phones, v verdict, calls *callReport, letters int) string {
	var b strings.Builder
	w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	taken := 0
	for n := range m.fates {
		if m.fates[n].taken {
			taken++
		}
	}
	stats := c.sim.Stats()
	messages, sends := 0, 0
	for _, n := range p.byWay {
		messages += n
	}
	for _, endpoint := range sendEndpoints() {
		if n := calls.count[endpoint]; n != nil {
			sends += n.all
		}
	}
	row("\nseed", "%d", c.world.seed)
	row("duration", "%v, then drained", c.duration)
	row("users, groups", "%d, %d", chaosUsers, chaosGroups)
	row("kills", "%d", c.kills)
	row("kills of the bot", "%s", c.botKills())
	row("changes of weather", "%d", c.changes)
	row("events", "%d, of these answered 200: %d", len(m.fates), taken)
	row("webhooks", "%d; redelivered %d, twice %d, passed %d, late %d, batched %d", len(c.webhooks),
		stats.Faults["redelivered"], stats.Faults["duplicated"], stats.Faults["reordered"], stats.Faults["late"], stats.Faults["batched"])
	row("messages of the bot", "%d; by reply %d, push %d, multicast %d", messages, p.byWay["reply"], p.byWay["push"], p.byWay["multicast"])
	row("calls that send", "%d, of these taken by LINE %d: %.2f a message; %d if none were shared", sends, calls.taken,
		float64(calls.taken)/float64(max(1, messages)), v.callsAlone)
	row("pushes saved", "%d by %d multicasts", calls.multicast.users-calls.multicast.calls, calls.multicast.calls)
	for _, endpoint := range calls.endpoints() {
		n := calls.count[endpoint]
		row("  "+endpoint, "%d; again %d, 409 %d, 429 %d, 5xx %d, no answer %d; busiest second %d of %d",
			n.all, n.again, n.conflict, n.limited, n.failed, n.silent, n.perSecond, published(endpoint))
	}
	row("lost", "%d", v.lost)
	row("doubled", "%d", v.doubled)
	row("out of order", "%d", v.outOfOrder)
	row("sent by nobody", "%d", v.strange)
	row("undecided", "%d", v.undecided)
	row("dead letters", "%d", letters)
	row("rules of LINE broken", "%d", calls.broken)
	w.Flush()
	return b.String()
}
