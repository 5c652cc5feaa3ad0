package engine

import (
	"testing"
	"testing/synctest"
)

// TestRoomQueueWaitsForMessages: a message that comes while an earlier one's mark
// is taken leaves a mark behind that tells of nothing.
func TestRoomQueueWaitsForMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newRoomQueue(nil)
		signal(q.wake)
		got := make(chan []RoomMessage, 1)
		go func() { // ends with the message below
			list, _ := q.take(t.Context())
			got <- list
		}()
		synctest.Wait()
		q.hold(RoomMessage{ID: 1})
		q.release(1)
		if list := <-got; len(list) != 1 {
			t.Errorf("got %d messages, want 1", len(list))
		}
	})
}
