package engine

import (
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// TestGatheringPatience adds what is in a hurry and what is not, and tells when which
// flush releases it.
func TestGatheringPatience(t *testing.T) {
	const flush = 10 * time.Millisecond // takes so long
	type added struct {
		after   time.Duration
		name    string
		patient bool
	}
	for _, tc := range []struct {
		name  string
		add   []added
		order []string
		at    []time.Duration // of each in order
		flush int64
	}{
		{"one in a hurry", []added{{0, "a", false}}, []string{"a"}, []time.Duration{flush}, 1},
		{"patient ones share a flush", []added{{0, "a", true}, {patience - 1, "b", true}},
			[]string{"a", "b"}, []time.Duration{patience + flush, patience + flush}, 1},
		{"one in a hurry takes those along", []added{{0, "a", true}, {flush, "b", false}},
			[]string{"a", "b"}, []time.Duration{2 * flush, 2 * flush}, 1},
		{"one that comes during a flush is patient", []added{{0, "a", false}, {flush / 2, "b", true}},
			[]string{"a", "b"}, []time.Duration{flush, flush + patience + flush}, 2},
		{"one in a hurry does so after it", []added{{0, "a", false}, {flush / 2, "b", true}, {2 * flush, "c", false}},
			[]string{"a", "b", "c"}, []time.Duration{flush, 3 * flush, 3 * flush}, 2},
		{"both come during a flush", []added{{0, "a", false}, {flush / 2, "b", true}, {flush / 2, "c", false}},
			[]string{"a", "b", "c"}, []time.Duration{flush, flush + gatherPause + flush, flush + gatherPause + flush}, 2},
	} {
		t.Run(tc.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var flushes atomic.Int64
				b := newBarrier(func() error { flushes.Add(1); time.Sleep(flush); return nil })
				began := time.Now()
				var order []string
				var at []time.Duration
				g := gathering[string]{barrier: b, release: func(names []string, _ error) {
					for _, name := range names {
						order, at = append(order, name), append(at, time.Since(began))
					}
				}}
				for _, a := range tc.add {
					time.Sleep(a.after - time.Since(began))
					if a.patient {
						g.addPatient(a.name)
					} else {
						g.add(a.name)
					}
				}
				time.Sleep(time.Second)
				synctest.Wait()
				if !slices.Equal(order, tc.order) || !slices.Equal(at, tc.at) || flushes.Load() != tc.flush {
					t.Errorf("%v after %v with %d flushes, want %v after %v with %d", order, at, flushes.Load(), tc.order, tc.at, tc.flush)
				}
				b.close()
			})
		})
	}
}
