package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"runtime/metrics"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// maxPayload is the most that the embedded server takes in one message.
	maxPayload = 8 << 20
	// startMemoryLimit is how much memory the recovery may take. A damaged
	// last block next to an index that does not match it once made it grow
	// without end; a full store of the default size needs a tenth of this.
	startMemoryLimit = 4 << 30
	// maxStore bounds nothing: each stream has its own limit. The sum of those
	// would refuse to open a store whose limits were larger the last time.
	maxStore        = 1 << 60
	startCheckEvery = 20 * time.Millisecond
)

// startServer starts JetStream on the data folder without an open port. On
// error a recovery that ran away may still be under way: the process should
// end, and the next start rebuilds the indexes.
func startServer(ctx context.Context, cfg Config, syncAlways bool) (*server.Server, error) {
	if err := dropStaleIndexes(cfg.Dir); err != nil {
		return nil, err
	}
	srv, err := server.NewServer(&server.Options{
		ServerName:             "frontdesk",
		DontListen:             true,
		JetStream:              true,
		StoreDir:               cfg.Dir,
		SyncAlways:             syncAlways,
		JetStreamMaxMemory:     64 << 20,
		JetStreamMaxStore:      maxStore,
		MaxPayload:             maxPayload,
		MaxPending:             256 << 20,
		NoSigs:                 true,
		DisableJetStreamBanner: true,
	})
	if err != nil {
		return nil, fmt.Errorf("start embedded store: %w", err)
	}
	srv.SetLogger(serverLog{cfg.Logger}, false, false)
	started := make(chan struct{})
	go func() { // ends with Start; abandoned only when Open fails, as documented
		defer close(started)
		srv.Start()
	}()
	if err := awaitStart(ctx, cfg, started, memoryInUse); err != nil {
		return nil, err
	}
	if !srv.ReadyForConnections(cfg.StartLimit) || !srv.JetStreamEnabled() {
		srv.Shutdown()
		return nil, errors.New("embedded store did not start; its log lines say why")
	}
	return srv, nil
}

// awaitStart waits for the recovery within its limits of time and memory, the
// latter in bytes.
func awaitStart(ctx context.Context, cfg Config, started <-chan struct{}, memory func() int64) error {
	ctx, cancel := context.WithTimeout(ctx, cfg.StartLimit)
	defer cancel()
	check := time.NewTicker(startCheckEvery)
	defer check.Stop()
	before := memory()
	for {
		select {
		case <-started:
			return nil
		case <-ctx.Done():
			return fmt.Errorf("embedded store in %s did not recover within %v; start again to rebuild its indexes, or restore a backup",
				cfg.Dir, cfg.StartLimit)
		case <-check.C:
			if grown := memory() - before; grown > startMemoryLimit {
				return fmt.Errorf("embedded store in %s took %d MiB to recover, which means damaged data; start again to rebuild its indexes, or restore a backup",
					cfg.Dir, grown>>20)
			}
		}
	}
}

func memoryInUse() int64 {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	return int64(sample[0].Value.Uint64())
}

// dropStaleIndexes removes the stream indexes unless the store was closed
// properly: an index may be newer than the end of the data that survived a
// power loss, and the server trusts it. Without it the server reads the data.
func dropStaleIndexes(dir string) error {
	err := os.Remove(filepath.Join(dir, cleanMark))
	if err == nil {
		return syncFolder(dir) // or a power loss could bring the mark back, beside an index of this run
	}
	if !errors.Is(err, os.ErrNotExist) {
		return err
	}
	indexes, err := filepath.Glob(filepath.Join(dir, "jetstream", "*", "streams", "*", "msgs", "index.db"))
	if err != nil {
		return err
	}
	for _, name := range indexes {
		if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// syncFolder makes the names in a folder durable.
func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// serverLog passes the embedded server's warnings on. Its notices tell of
// every start and stop, which we tell ourselves.
type serverLog struct{ lg *slog.Logger }

func (l serverLog) Noticef(format string, v ...any) {
	l.lg.Debug("store: " + fmt.Sprintf(format, v...))
}
func (l serverLog) Warnf(format string, v ...any)  { l.lg.Warn("store: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Errorf(format string, v ...any) { l.lg.Error("store: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Fatalf(format string, v ...any) { l.lg.Error("store: " + fmt.Sprintf(format, v...)) }
func (l serverLog) Debugf(string, ...any)          {}
func (l serverLog) Tracef(string, ...any)          {}
