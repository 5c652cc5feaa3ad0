package engine

import (
	"container/list"
	"context"
	"strconv"
	"sync"

	"golang.org/x/sync/singleflight"
)

// Cache keeps the batches of a log that were used last, so that queues can
// hold places instead of bytes. Methods may be called concurrently.
type Cache struct {
	log      *Log
	maxBytes int
	reading  singleflight.Group // by sequence: many wait for one batch after a restart

	mu    sync.Mutex
	order *list.List // of Batch, the last used in front
	bySeq map[uint64]*list.Element
	bytes int
}

// NewCache returns a cache that holds at most maxBytes, or one batch.
func NewCache(log *Log, maxBytes int) *Cache {
	return &Cache{log: log, maxBytes: maxBytes, order: list.New(), bySeq: map[uint64]*list.Element{}}
}

// Add keeps a batch that was just read.
func (c *Cache) Add(b Batch) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.bySeq[b.Seq]; ok {
		return
	}
	c.bySeq[b.Seq] = c.order.PushFront(b)
	c.bytes += b.Size()
	for c.bytes > c.maxBytes && c.order.Len() > 1 {
		oldest := c.order.Remove(c.order.Back()).(Batch)
		delete(c.bySeq, oldest.Seq)
		c.bytes -= oldest.Size()
	}
}

// Record returns the record at p, from memory or from the log. The bytes are
// shared: the caller copies what it keeps.
func (c *Cache) Record(ctx context.Context, p Pos) ([]byte, error) {
	c.mu.Lock()
	if elem, ok := c.bySeq[p.Seq()]; ok {
		c.order.MoveToFront(elem)
		b := elem.Value.(Batch)
		c.mu.Unlock()
		return b.Record(p)
	}
	c.mu.Unlock()
	b, err, _ := c.reading.Do(strconv.FormatUint(p.Seq(), 10), func() (any, error) {
		b, err := c.log.Get(ctx, p)
		if err == nil {
			c.Add(b)
		}
		return b, err
	})
	if err != nil {
		return nil, err
	}
	return b.(Batch).Record(p)
}
