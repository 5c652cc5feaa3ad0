package engine

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Errors that callers decide by.
var (
	ErrClosed   = errors.New("engine is closed")
	ErrLocked   = errors.New("data folder is in use")
	ErrFull     = errors.New("store is full")
	ErrBusy     = errors.New("store does not answer in time")
	ErrTooLarge = errors.New("record is too large")
	ErrNotFound = errors.New("not found")
	ErrExists   = errors.New("changed meanwhile")
)

const (
	// requestTimeout bounds every question to the engine but appends.
	requestTimeout = 10 * time.Second
	// deadMaxBytes and bucketMaxBytes cap what is small in every use known.
	deadMaxBytes   = 256 << 20
	bucketMaxBytes = 2 << 30
)

// Config says where the store is and how large it may grow. Zero values mean
// the defaults that the fields name.
type Config struct {
	Dir     string // data folder; made when missing. Required
	NATSURL string // external NATS server or cluster; "" embeds one
	// Replicas of each stream on an external cluster; 0 means 1.
	// It is ignored by the embedded server.
	Replicas int

	InboxMaxBytes  int64 // default 1 GiB; a full inbox refuses events
	OutboxMaxBytes int64 // default 1 GiB; a full outbox holds up handlers
	ParkedMaxBytes int64 // default 256 MiB; answers beyond it are not parked
	TimersMaxBytes int64 // default 1 GiB; beyond it no timers are set
	RoomsMaxBytes  int64 // default 1 GiB; beyond it the oldest messages of rooms go

	// RoomsKeep is how long messages of rooms are kept; 0 for as long as there is
	// room.
	RoomsKeep time.Duration

	// AppendLimit is how long an append may take before it counts as failed;
	// default 1 s, half of what LINE waits for the answer to a webhook.
	AppendLimit time.Duration
	// StartLimit bounds the recovery of the embedded store; default 2 minutes.
	StartLimit time.Duration

	Logger *slog.Logger // default discards
}

func (c *Config) setDefaults() {
	c.Replicas = cmp.Or(c.Replicas, 1)
	c.InboxMaxBytes = cmp.Or(c.InboxMaxBytes, 1<<30)
	c.OutboxMaxBytes = cmp.Or(c.OutboxMaxBytes, 1<<30)
	c.ParkedMaxBytes = cmp.Or(c.ParkedMaxBytes, 256<<20)
	c.TimersMaxBytes = cmp.Or(c.TimersMaxBytes, 1<<30)
	c.RoomsMaxBytes = cmp.Or(c.RoomsMaxBytes, 1<<30)
	c.AppendLimit = cmp.Or(c.AppendLimit, time.Second)
	c.StartLimit = cmp.Or(c.StartLimit, 2*time.Minute)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
}

// Engine is the open store. Its fields are ready to use and safe for
// concurrent use until Close.
type Engine struct {
	Inbox     *Log
	Outbox    *Log
	Dead      *Dead
	Parked    *Parked
	Timers    *Timers
	Rooms     *Rooms
	Directory *Bucket
	Control   *Bucket
	Campaigns *Bucket
	Chat      *Bucket

	dir     string
	lock    *os.File
	srv     *server.Server // nil with an external server
	conn    *nats.Conn
	barrier *barrier // nil where an acknowledgement means stored
	release func() error
	lg      *slog.Logger
}

// Open opens the store, making what is missing. It returns ErrLocked when
// another process has the data folder.
func Open(ctx context.Context, cfg Config) (*Engine, error) {
	cfg.setDefaults()
	if cfg.Dir == "" {
		return nil, errors.New("open store: no data folder given")
	}
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("open store: %w", err)
	}
	lock, err := lockFolder(cfg.Dir)
	if err != nil {
		return nil, err
	}
	e := &Engine{dir: cfg.Dir, lock: lock, lg: cfg.Logger}
	if err := e.open(ctx, cfg); err != nil {
		e.Close()
		return nil, fmt.Errorf("open store: %w", err)
	}
	return e, nil
}

func (e *Engine) open(ctx context.Context, cfg Config) error {
	if err := e.connect(ctx, cfg); err != nil {
		return err
	}
	js, err := jetstream.New(e.conn, jetstream.WithDefaultTimeout(requestTimeout))
	if err != nil {
		return err
	}
	open := opener{e: e, js: js, replicas: cfg.Replicas, appendLimit: cfg.AppendLimit}
	if e.Inbox, err = open.log(ctx, "INBOX", cfg.InboxMaxBytes); err != nil {
		return err
	}
	if e.Outbox, err = open.log(ctx, "OUTBOX", cfg.OutboxMaxBytes); err != nil {
		return err
	}
	if e.Dead, err = open.dead(ctx); err != nil {
		return err
	}
	if e.Parked, err = open.parked(ctx, cfg.ParkedMaxBytes); err != nil {
		return err
	}
	if e.Timers, err = open.timers(ctx, cfg.TimersMaxBytes); err != nil {
		return err
	}
	if e.Rooms, err = e.openRooms(ctx, open, cfg); err != nil {
		return err
	}
	if e.Directory, err = open.bucket(ctx, "directory", 1); err != nil {
		return err
	}
	if e.Control, err = open.bucket(ctx, "control", 8); err != nil {
		return err
	}
	if e.Campaigns, err = open.bucket(ctx, "campaigns", 8); err != nil {
		return err
	}
	e.Chat, err = open.bucket(ctx, "chat", 8)
	return err
}

// openRooms opens the rooms on a connection of their own.
func (e *Engine) openRooms(ctx context.Context, open opener, cfg Config) (*Rooms, error) {
	conn, err := e.dial(cfg)
	if err != nil {
		return nil, err
	}
	rooms, err := open.rooms(ctx, conn, cfg.RoomsMaxBytes, cfg.RoomsKeep)
	if err != nil {
		conn.Close()
	}
	return rooms, err
}

// connect starts the embedded server, or connects to an external one.
func (e *Engine) connect(ctx context.Context, cfg Config) (err error) {
	if cfg.NATSURL == "" {
		if err := e.embed(ctx, cfg); err != nil {
			return err
		}
	}
	e.conn, err = e.dial(cfg)
	return err
}

// embed starts the embedded server.
func (e *Engine) embed(ctx context.Context, cfg Config) error {
	flush, release, err := openFlush(cfg.Dir)
	if err != nil {
		return err
	}
	e.release = release
	if e.srv, err = startServer(ctx, cfg, flush == nil); err != nil {
		return err
	}
	if flush != nil {
		e.barrier = newBarrier(flush)
	}
	return nil
}

// dial opens a connection to the server.
func (e *Engine) dial(cfg Config) (*nats.Conn, error) {
	opts := []nats.Option{
		nats.Name("frontdesk"),
		nats.MaxReconnects(-1),
		nats.ReconnectWait(250 * time.Millisecond),
	}
	if e.srv != nil {
		return nats.Connect("", append(opts, nats.InProcessServer(e.srv))...)
	}
	conn, err := nats.Connect(cfg.NATSURL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to the NATS server (check nats.url): %w", err)
	}
	return conn, nil
}

// Flush returns when everything written before it is durable.
func (e *Engine) Flush() error {
	if e.barrier == nil {
		return nil
	}
	return e.barrier.wait()
}

// MaxRecord is the largest record, in bytes, that a log takes.
func (e *Engine) MaxRecord() int { return int(e.conn.MaxPayload()) - messageOverhead }

// Dir returns the data folder.
func (e *Engine) Dir() string { return e.dir }

// Embedded reports whether the store is in this process.
func (e *Engine) Embedded() bool { return e.srv != nil }

// Healthy returns an error when the store cannot be reached, and when writing
// to disk has failed, because it is full for example. The latter is final:
// what was acknowledged is safe, but nothing more is stored, even when there is
// room again, until the store is opened anew.
func (e *Engine) Healthy() error {
	if !e.conn.IsConnected() {
		return fmt.Errorf("NATS connection is %s", e.conn.Status())
	}
	if e.barrier != nil && e.barrier.err() != nil {
		return e.barrier.err()
	}
	if e.srv == nil {
		return nil
	}
	if health := e.srv.Healthz(nil); health.Error != "" {
		return fmt.Errorf("%s; make room on the disk and start again", health.Error)
	}
	return nil
}

// Close stops taking records, makes everything durable and stops the server.
// It is safe on an Engine that was opened in part.
func (e *Engine) Close() error {
	var errs []error
	for _, l := range []*Log{e.Inbox, e.Outbox} {
		if l != nil {
			l.close()
		}
	}
	if e.Rooms != nil {
		e.Rooms.close()
	}
	sound := e.srv != nil && e.conn != nil && e.Healthy() == nil
	if e.conn != nil {
		e.conn.Close()
	}
	if e.srv != nil {
		e.srv.Shutdown()
		e.srv.WaitForShutdown()
	}
	if e.barrier != nil {
		errs = append(errs, e.barrier.wait())
		e.barrier.close()
	}
	if sound && errors.Join(errs...) == nil {
		errs = append(errs, markClean(e.dir))
	}
	if e.release != nil {
		errs = append(errs, e.release())
	}
	errs = append(errs, e.lock.Close())
	return errors.Join(errs...)
}

// cleanMark stands in the data folder while the store is closed properly.
const cleanMark = "clean"

func markClean(dir string) error {
	return os.WriteFile(filepath.Join(dir, cleanMark), nil, 0o600)
}
