package server

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/line-frontdesk/frontdesk/internal/campaign"
	"github.com/line-frontdesk/frontdesk/internal/directory"
	"github.com/line-frontdesk/frontdesk/internal/engine"
	"github.com/line-frontdesk/frontdesk/internal/room"
	"github.com/line-frontdesk/frontdesk/internal/timer"
)

// socketDial bounds the attempt to reach a running server.
const socketDial = 2 * time.Second

// ErrNotFound is the error of what is asked for and not there.
var ErrNotFound = engine.ErrNotFound

// Admin looks into the data of a server, and changes it where an operator
// may. It speaks to the server that runs on the data folder, or opens the
// folder itself when none does; then no server can start until Close. Methods
// may be called concurrently.
type Admin struct {
	http    *http.Client
	close   func() error
	running bool
}

// OpenAdmin opens the data folder of a configuration, which needs no channels.
func OpenAdmin(ctx context.Context, cfg Config) (*Admin, error) {
	cfg.setDefaults()
	socket := filepath.Join(cfg.Data, adminSocket)
	dialer := &net.Dialer{Timeout: socketDial}
	if conn, err := dialer.DialContext(ctx, "unix", socket); err == nil {
		conn.Close()
		transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return dialer.DialContext(ctx, "unix", socket)
		}}
		return &Admin{
			http:    &http.Client{Transport: transport, Timeout: 2 * adminLimit},
			close:   func() error { transport.CloseIdleConnections(); return nil },
			running: true,
		}, nil
	}
	return openData(ctx, cfg)
}

// openData opens the store in this process.
func openData(ctx context.Context, cfg Config) (*Admin, error) {
	if _, err := os.Stat(filepath.Join(cfg.Data, "lock")); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s holds no data of a server; name the server's folder with --data", cfg.Data)
	}
	eng, err := engine.Open(ctx, storeConfig(cfg))
	if errors.Is(err, engine.ErrLocked) {
		return nil, fmt.Errorf("%w; or it is a server that starts or stops just now, then try again", err)
	}
	if err != nil {
		return nil, err
	}
	dir := directory.New(directory.Config{Bucket: eng.Directory, Logger: cfg.Logger})
	campaigns, err := campaign.New(ctx, campaign.Config{Engine: eng, Logger: cfg.Logger})
	if err != nil {
		return nil, errors.Join(err, eng.Close())
	}
	timers := timer.New(timer.Config{Engine: eng, Logger: cfg.Logger})
	chat, err := room.New(ctx, chatConfig(cfg, eng))
	if err != nil {
		return nil, errors.Join(err, eng.Close())
	}
	return &Admin{
		http:  &http.Client{Transport: handlerTransport{newAdminAPI(eng, dir, campaigns, timers, chat, nil, nil, nil)}},
		close: eng.Close,
	}, nil
}

// Running reports whether a server runs on the data folder.
func (a *Admin) Running() bool { return a.running }

// Close releases the data folder.
func (a *Admin) Close() error { return a.close() }

// Stats returns how much is stored.
func (a *Admin) Stats(ctx context.Context) (st Stats, err error) {
	err = a.call(ctx, http.MethodGet, "/stats", nil, &st)
	return st, err
}

// Events returns a page of stored events.
func (a *Admin) Events(ctx context.Context, q EventQuery) (page EventPage, err error) {
	err = a.call(ctx, http.MethodGet, "/events", q.values(), &page)
	return page, err
}

// Event returns all that is known of an event; ErrNotFound when the inbox
// does not hold it.
func (a *Admin) Event(ctx context.Context, id string) (detail EventDetail, err error) {
	err = a.call(ctx, http.MethodGet, "/events/"+url.PathEscape(id), nil, &detail)
	return detail, err
}

// Letters returns a page of dead letters.
func (a *Admin) Letters(ctx context.Context, q LetterQuery) (page LetterPage, err error) {
	err = a.call(ctx, http.MethodGet, "/dead", q.values(), &page)
	return page, err
}

// Letter returns a dead letter; ErrNotFound when there is none.
func (a *Admin) Letter(ctx context.Context, id uint64) (detail LetterDetail, err error) {
	err = a.call(ctx, http.MethodGet, letterPath(id), nil, &detail)
	return detail, err
}

// Retry gives a dead letter another run: an event to its handler, a send to
// LINE. It returns what the letter was. Malformed events cannot be retried.
func (a *Admin) Retry(ctx context.Context, id uint64) (was LetterRow, err error) {
	err = a.call(ctx, http.MethodPost, letterPath(id)+"/retry", nil, &was)
	return was, err
}

// Drop deletes a dead letter for good and returns what it was.
func (a *Admin) Drop(ctx context.Context, id uint64) (was LetterRow, err error) {
	err = a.call(ctx, http.MethodDelete, letterPath(id), nil, &was)
	return was, err
}

func letterPath(id uint64) string { return "/dead/" + strconv.FormatUint(id, 10) }

// Users returns a page of users.
func (a *Admin) Users(ctx context.Context, q UserQuery) (page UserPage, err error) {
	err = a.call(ctx, http.MethodGet, "/users", q.values(), &page)
	return page, err
}

// User returns what is known of a user in one channel, or in every channel
// for ""; ErrNotFound when nothing is.
func (a *Admin) User(ctx context.Context, channel, id string) ([]UserRow, error) {
	var page UserPage
	err := a.call(ctx, http.MethodGet, "/users/"+url.PathEscape(id), UserQuery{Channel: channel}.values(), &page)
	return page.Users, err
}

// Forget erases what the directory knows of a user in one channel, or in every
// channel for "", and returns in which. Stored events stay as long as the
// inbox keeps them.
func (a *Admin) Forget(ctx context.Context, channel, id string) ([]UserRow, error) {
	var page UserPage
	err := a.call(ctx, http.MethodDelete, "/users/"+url.PathEscape(id), UserQuery{Channel: channel}.values(), &page)
	return page.Users, err
}

// call makes one request and decodes its answer.
func (a *Admin) call(ctx context.Context, method, path string, query url.Values, into any) error {
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, adminURL+path, nil)
	if err != nil {
		return err
	}
	return do(a.http, req, into)
}

// adminURL is what stands before the path of a request. The host is of no
// meaning: the socket is where it goes.
const adminURL = "http://admin"

// do makes a request and decodes its answer.
func do(client *http.Client, req *http.Request, into any) error {
	resp, err := client.Do(req)
	if err != nil {
		return fmt.Errorf("ask the server: %w", err)
	}
	defer resp.Body.Close()
	if resp.StatusCode == http.StatusOK {
		if err := json.NewDecoder(resp.Body).Decode(into); err != nil {
			return fmt.Errorf("read the server's answer: %w", err)
		}
		return nil
	}
	var refusal adminError
	if err := json.NewDecoder(resp.Body).Decode(&refusal); err != nil || refusal.Error == "" {
		return fmt.Errorf("the server answered %s; is it of the same version?", resp.Status)
	}
	if resp.StatusCode == http.StatusNotFound {
		return &notFoundError{refusal.Error}
	}
	return errors.New(refusal.Error)
}

// notFoundError is ErrNotFound in the words of the server.
type notFoundError struct{ text string }

func (e *notFoundError) Error() string { return e.text }
func (e *notFoundError) Unwrap() error { return ErrNotFound }

// handlerTransport serves requests by a handler in this process.
type handlerTransport struct{ handler http.Handler }

// RoundTrip calls the handler and returns its answer.
func (t handlerTransport) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.Body == nil {
		req.Body = http.NoBody
	}
	defer req.Body.Close()
	answer := &answerBuffer{header: http.Header{}, status: http.StatusOK}
	t.handler.ServeHTTP(answer, req)
	return &http.Response{
		StatusCode: answer.status, Status: http.StatusText(answer.status), Header: answer.header,
		Body: io.NopCloser(&answer.body), ContentLength: int64(answer.body.Len()), Request: req,
	}, nil
}

// answerBuffer is an http.ResponseWriter in memory.
type answerBuffer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (b *answerBuffer) Header() http.Header         { return b.header }
func (b *answerBuffer) WriteHeader(status int)      { b.status = status }
func (b *answerBuffer) Write(p []byte) (int, error) { return b.body.Write(p) }
