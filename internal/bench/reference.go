package bench

import (
	"io"
	"net/http"
	"os"
	"sync"
)

// bare answers 200 without any work: the ceiling of net/http here.
func bare(w http.ResponseWriter, r *http.Request) {
	io.Copy(io.Discard, r.Body) // the load is our own
	w.WriteHeader(http.StatusOK)
}

// fileLog is the plainest durable inbox: one file, appended to, with one fsync
// for all who wait.
type fileLog struct {
	file *os.File

	mu      sync.Mutex
	pending []byte
	waiting chan struct{} // closed when pending is on disk
	wake    chan struct{}
	done    chan struct{}
	err     error
}

func newFileLog(name string) (*fileLog, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	l := &fileLog{file: f, waiting: make(chan struct{}), wake: make(chan struct{}, 1), done: make(chan struct{})}
	go l.run() // ended and awaited by close
	return l, nil
}

func (l *fileLog) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	l.mu.Lock()
	l.pending = append(l.pending, body...)
	waiting := l.waiting
	l.mu.Unlock()
	select {
	case l.wake <- struct{}{}:
	default:
	}
	<-waiting
	w.WriteHeader(http.StatusOK)
}

func (l *fileLog) run() {
	defer close(l.done)
	var spare []byte
	for range l.wake {
		l.mu.Lock()
		batch, waiting := l.pending, l.waiting
		l.pending, l.waiting = spare[:0], make(chan struct{})
		l.mu.Unlock()
		if _, err := l.file.Write(batch); err != nil {
			l.err = err
		}
		if err := l.file.Sync(); err != nil {
			l.err = err
		}
		spare = batch
		close(waiting)
	}
}

func (l *fileLog) close() error {
	close(l.wake)
	<-l.done
	l.file.Close() // synced already
	return l.err
}
