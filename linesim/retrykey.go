package linesim

import "time"

const (
	// retryKeyLife is how long LINE remembers a retry key ("Retrying an API request").
	retryKeyLife = 24 * time.Hour
	// retryKeys bounds how many are remembered; beyond it the oldest is forgotten early.
	retryKeys = 1_000_000
)

// accepted is a request that was accepted with a retry key.
type accepted struct {
	requestID string
	sent      []sentMessage // of a push
	at        time.Time
}

// acceptedLocked finds the request that was accepted with key within the last 24 hours. An empty key
// finds nothing.
func (s *Simulator) acceptedLocked(key string, now time.Time) (accepted, bool) {
	s.keys.expire(func(a accepted) bool { return now.Sub(a.at) >= retryKeyLife })
	return s.keys.get(key)
}

// keepKeyLocked remembers that a request was accepted with key.
func (s *Simulator) keepKeyLocked(key string, a accepted) {
	if key != "" {
		s.keys.put(key, a)
	}
}
