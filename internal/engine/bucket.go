package engine

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// Bucket is a key-value store. Keys are words of letters, digits, '-', '_'
// and '=', joined by dots. Methods may be called concurrently. Writes are
// durable after the next Engine.Flush or Append.
type Bucket struct {
	name   string
	kv     jetstream.KeyValue
	stream jetstream.Stream // that holds it

	// listing is held, shared, while keys are listed: the store counts what it is
	// about to tell, and would wait for ever for a key that DeleteAll took away.
	listing sync.RWMutex
}

// bucket makes a bucket. history is how many values of a key stay in the store:
// with more than one, a power loss that takes the last one leaves one before it.
func (o opener) bucket(ctx context.Context, name string, history uint8) (*Bucket, error) {
	kv, err := o.js.CreateOrUpdateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket:   name,
		Storage:  jetstream.FileStorage,
		MaxBytes: bucketMaxBytes,
		Replicas: o.replicas,
		History:  history,
	})
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", name, err)
	}
	stream, err := o.js.Stream(ctx, "KV_"+name)
	if err != nil {
		return nil, fmt.Errorf("bucket %s: %w", name, err)
	}
	return &Bucket{name: name, kv: kv, stream: stream}, nil
}

// Get returns a key's value and revision; ErrNotFound when there is none.
func (b *Bucket) Get(ctx context.Context, key string) (value []byte, revision uint64, err error) {
	entry, err := b.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return nil, 0, ErrNotFound
	}
	if err != nil {
		return nil, 0, fmt.Errorf("get %s: %w", key, err)
	}
	return entry.Value(), entry.Revision(), nil
}

// Put sets a key's value.
func (b *Bucket) Put(ctx context.Context, key string, value []byte) error {
	if _, err := b.kv.Put(ctx, key, value); err != nil {
		return fmt.Errorf("put %s: %w", key, err)
	}
	return nil
}

// Swap sets a key's value if the key still has the given revision, 0 for a
// key that does not exist; ErrExists when it has not.
func (b *Bucket) Swap(ctx context.Context, key string, value []byte, revision uint64) error {
	var err error
	if revision == 0 {
		_, err = b.kv.Create(ctx, key, value)
	} else {
		_, err = b.kv.Update(ctx, key, value, revision)
	}
	if errors.Is(err, jetstream.ErrKeyExists) {
		return ErrExists
	}
	if err != nil {
		return fmt.Errorf("set %s: %w", key, err)
	}
	return nil
}

// Delete removes a key and its value. A key that does not exist is no error.
func (b *Bucket) Delete(ctx context.Context, key string) error {
	if err := b.kv.Purge(ctx, key); err != nil {
		return fmt.Errorf("delete %s: %w", key, err)
	}
	return nil
}

// DeleteAll removes all keys that match a pattern such as "chunk.42.>", at once
// and without the mark of a deleted key that Delete leaves in the store for each.
// It waits until nobody lists keys. A key that was written more often than the bucket
// has history may come back when the machine fails: it is for keys written once.
func (b *Bucket) DeleteAll(ctx context.Context, pattern string) error {
	b.listing.Lock()
	defer b.listing.Unlock()
	if err := b.stream.Purge(ctx, jetstream.WithPurgeSubject("$KV."+b.name+"."+pattern)); err != nil {
		return fmt.Errorf("delete %s: %w", pattern, err)
	}
	return nil
}

// Keys calls fn with the keys that match a pattern such as "main.user.*", in
// the order of their last change. fn may return false to stop, and must not call
// DeleteAll.
func (b *Bucket) Keys(ctx context.Context, pattern string, fn func(key string) bool) error {
	b.listing.RLock()
	defer b.listing.RUnlock()
	keys, err := b.kv.ListKeysFiltered(ctx, pattern)
	if err != nil {
		return fmt.Errorf("list keys %s: %w", pattern, err)
	}
	defer keys.Stop()
	stalled := time.NewTimer(requestTimeout)
	defer stalled.Stop()
	for {
		select {
		case key, ok := <-keys.Keys():
			if !ok {
				return ctx.Err()
			}
			if !fn(key) {
				return nil
			}
			stalled.Reset(requestTimeout)
		case <-stalled.C: // another process may have taken away a key that was to come
			return fmt.Errorf("list keys %s: %w", pattern, ErrBusy)
		}
	}
}

// Watch calls fn with the value of every key that matches a pattern, then ready,
// then fn with every change, until ctx ends; it returns ctx's error. A value of nil
// says that the key was deleted. fn may see a value again, and must not block.
func (b *Bucket) Watch(ctx context.Context, pattern string, fn func(key string, value []byte), ready func()) error {
	w, err := b.kv.Watch(ctx, pattern)
	if err != nil {
		return fmt.Errorf("watch %s: %w", pattern, err)
	}
	defer w.Stop()
	for {
		select {
		case entry, ok := <-w.Updates():
			switch {
			case !ok && ctx.Err() == nil:
				return fmt.Errorf("watch %s: ended early", pattern)
			case !ok:
				return ctx.Err()
			case entry == nil:
				ready()
			case entry.Operation() == jetstream.KeyValuePut:
				fn(entry.Key(), entry.Value())
			default:
				fn(entry.Key(), nil)
			}
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
