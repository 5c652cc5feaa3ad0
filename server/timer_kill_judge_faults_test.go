package server_test

import (
	"maps"
	"slices"
	"testing"
	"time"
)

// The judge must see each fault. One user orders: "tea" once, "bath" every second
// and twice, "rice" that is cancelled, "egg" that is replaced by one that sends.
func TestTimerJudge(t *testing.T) {
	zero := time.Date(2026, 8, 1, 9, 0, 0, 0, time.UTC)
	at := func(ms int) time.Time { return zero.Add(time.Duration(ms) * time.Millisecond) }
	fires := func(key string, count, due, now int) timerArrival {
		return timerArrival{timerSign{Key: key, Generation: 1, Count: count, Due: at(due), Now: at(now)}, at(now + 5)}
	}
	done := func(number, ms int) timerArrival { return timerArrival{timerSign{Done: number}, at(ms)} }
	sends := func(generation, ms int) timerArrival {
		return timerArrival{timerSign{Key: "egg", Generation: generation, Count: 1}, at(ms)}
	}
	orders := []*givenOrder{
		{sent: at(0), timerOrder: timerOrder{1, []timerOp{
			{Key: "tea", Generation: 1, After: 2 * time.Second},
			{Key: "bath", Generation: 1, At: at(3000), Every: time.Second, Times: 2},
			{Key: "rice", Generation: 1, After: 3 * time.Second},
			{Key: "egg", Generation: 1, After: 3 * time.Second},
		}}},
		{sent: at(1000), timerOrder: timerOrder{2, []timerOp{{Key: "rice", Cancel: true}}}},
		{sent: at(1000), timerOrder: timerOrder{3, []timerOp{{Key: "egg", Generation: 2, At: at(5000), Send: true}}}},
	}
	right := map[string]timerArrival{
		"1": done(1, 10), "2": done(2, 1010), "3": done(3, 1010),
		"tea": fires("tea", 1, 2005, 2006), "bath": fires("bath", 1, 3000, 3001), "bath again": fires("bath", 2, 4000, 4001),
		"egg": sends(2, 5002),
	}
	for _, tc := range []struct {
		name  string
		wrong map[string]timerArrival // in place of what is right, or besides
		lacks string
		want  func(*timerVerdict) *fault // nil for none
	}{
		{"right", nil, "", nil},
		{"an order is not done", nil, "2", func(v *timerVerdict) *fault { return &v.lost }},
		{"an order is done twice", map[string]timerArrival{"x": done(1, 20)}, "", func(v *timerVerdict) *fault { return &v.doubled }},
		{"one does not fire", nil, "tea", func(v *timerVerdict) *fault { return &v.lost }},
		{"one does not come again", nil, "bath again", func(v *timerVerdict) *fault { return &v.lost }},
		{"one does not send", nil, "egg", func(v *timerVerdict) *fault { return &v.lost }},
		{"one fires twice", map[string]timerArrival{"x": fires("tea", 1, 2005, 2100)}, "", func(v *timerVerdict) *fault { return &v.doubled }},
		{"one sends twice", map[string]timerArrival{"x": sends(2, 5200)}, "", func(v *timerVerdict) *fault { return &v.doubled }},
		{"the handler is too early", map[string]timerArrival{"tea": fires("tea", 1, 2005, 2004)}, "", func(v *timerVerdict) *fault { return &v.early }},
		{"due too early", map[string]timerArrival{"bath": fires("bath", 1, 2999, 3001)}, "", func(v *timerVerdict) *fault { return &v.early }},
		{"the next time is too early", map[string]timerArrival{"bath again": fires("bath", 2, 3900, 4001)}, "", func(v *timerVerdict) *fault { return &v.early }},
		{"a send is too early", map[string]timerArrival{"egg": sends(2, 4999)}, "", func(v *timerVerdict) *fault { return &v.early }},
		{"due too late", map[string]timerArrival{"tea": fires("tea", 1, 2020, 2021)}, "", func(v *timerVerdict) *fault { return &v.wrong }},
		{"a cancelled one fires", map[string]timerArrival{"x": fires("rice", 1, 3005, 3006)}, "", func(v *timerVerdict) *fault { return &v.inVain }},
		{"a replaced one fires", map[string]timerArrival{"x": fires("egg", 1, 3005, 3006)}, "", func(v *timerVerdict) *fault { return &v.inVain }},
		{"one comes too often", map[string]timerArrival{"x": fires("bath", 3, 5000, 5001)}, "", func(v *timerVerdict) *fault { return &v.inVain }},
		{"nobody set it", map[string]timerArrival{"x": fires("soup", 1, 2005, 2006)}, "", func(v *timerVerdict) *fault { return &v.wrong }},
		{"behind a later one", map[string]timerArrival{"tea": fires("tea", 1, 2005, 3500)}, "", func(v *timerVerdict) *fault { return &v.outOfOrder }},
	} {
		t.Run(tc.name, func(t *testing.T) {
			signs := maps.Clone(right)
			maps.Copy(signs, tc.wrong)
			delete(signs, tc.lacks)
			p := newTimerPhones()
			for _, a := range slices.SortedFunc(maps.Values(signs), func(a, b timerArrival) int { return a.at.Compare(b.at) }) {
				p.add(0, a)
			}
			v := judgeTimers(orders, p, []span{{at(-1000), at(60_000)}})
			faults := []*fault{&v.lost, &v.doubled, &v.early, &v.inVain, &v.outOfOrder, &v.wrong}
			var want *fault
			if tc.want != nil {
				want = tc.want(&v)
			}
			for i, f := range faults {
				if (f.n > 0) != (f == want) {
					t.Errorf("fault %d: %d times: %q", i, f.n, f.notes)
				}
			}
		})
	}
}
