package line_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/line-frontdesk/frontdesk/line"
)

func TestContent(t *testing.T) {
	picture := strings.Repeat("picture", 1<<18) // above every limit for JSON
	p := newPlatform(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "image/jpeg")
		if strings.HasSuffix(r.URL.Path, "/preview") {
			io.WriteString(w, "small")
			w.(http.Flusher).Flush() // length unknown
			return
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(picture)))
		io.WriteString(w, picture)
	})
	c := newClient(t, p.URL)
	tests := []struct {
		name   string
		get    func(context.Context, string) (*line.Content, error)
		body   string
		length int64
	}{
		{"content", c.Content, picture, int64(len(picture))},
		{"preview", c.ContentPreview, "small", -1},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := tt.get(t.Context(), messageID)
			if err != nil {
				t.Fatal(err)
			}
			body, err := io.ReadAll(got.Body)
			if err != nil || string(body) != tt.body {
				t.Errorf("got %d bytes and error %v, want %d bytes", len(body), err, len(tt.body))
			}
			if err := got.Body.Close(); err != nil {
				t.Errorf("closing: %v", err)
			}
			if got.ContentType != "image/jpeg" || got.Length != tt.length {
				t.Errorf("got type %q and length %d, want length %d", got.ContentType, got.Length, tt.length)
			}
		})
	}
}

func TestContentRefused(t *testing.T) {
	tests := []struct {
		name   string
		status int
		is     error
	}{
		{"gone", 410, line.ErrGone},
		{"not found", 404, line.ErrNotFound},
		{"server error", 500, nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := newPlatform(t, answer(tt.status, `{"message":"The content is gone"}`))
			_, err := newClient(t, p.URL).Content(t.Context(), messageID)
			for _, sentinel := range []error{line.ErrGone, line.ErrNotFound} {
				if got := errors.Is(err, sentinel); got != errors.Is(tt.is, sentinel) {
					t.Errorf("is %q: %v: %v", sentinel, got, err)
				}
			}
			if line.Temporary(err) != (tt.is == nil) {
				t.Errorf("temporary: %v", err)
			}
		})
	}
}

// preparing plays a LINE that prepares a video until ready. It answers a few
// questions with errors.
func preparing(ready time.Time, asked *[]string, start time.Time, end string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		done := !time.Now().Before(ready)
		transcoding := strings.HasSuffix(r.URL.Path, "/transcoding")
		if transcoding {
			*asked = append(*asked, time.Since(start).String())
		}
		switch {
		case !transcoding && (!done || end == "failed"):
			answer(202, "")(w, r)
		case !transcoding:
			answer(200, "video", "Content-Type: video/mp4")(w, r)
		case len(*asked) == 2:
			answer(503, "")(w, r)
		case done:
			answer(200, `{"status":"`+end+`"}`)(w, r)
		default:
			answer(200, `{"status":"processing"}`)(w, r)
		}
	}
}

func TestContentBeingPrepared(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var asked []string
		start := time.Now()
		h := preparing(start.Add(10*time.Second), &asked, start, "succeeded")
		c := newClientOf(t, line.Config{Token: line.FixedToken(token), Transport: direct{h}})
		got, err := c.Content(t.Context(), messageID)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		body, err := io.ReadAll(got.Body)
		if err != nil || string(body) != "video" {
			t.Errorf("got %q and error %v", body, err)
		}
		if diff := cmp.Diff([]string{"500ms", "1.5s", "3.5s", "7.5s", "12.5s"}, asked); diff != "" {
			t.Errorf("LINE was asked after (-want +got):\n%s", diff)
		}
	})
}

func TestContentNeverPrepared(t *testing.T) {
	tests := []struct {
		name      string
		ready     time.Duration
		end       string
		limit     time.Duration // of the caller's context, 0 for none
		want      time.Duration
		is        error
		temporary bool
	}{
		{"failed", 3 * time.Second, "failed", 0, 3500 * time.Millisecond, line.ErrNotPrepared, false},
		{"caller's limit", time.Hour, "succeeded", 20 * time.Second, 20 * time.Second, context.DeadlineExceeded, true},
		{"own limit", time.Hour, "succeeded", 0, 10*time.Minute - 2500*time.Millisecond, nil, true},
		{"gone meanwhile", 0, "gone", 0, 500 * time.Millisecond, line.ErrGone, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var asked []string
				start := time.Now()
				h := preparing(start.Add(tt.ready), &asked, start, tt.end)
				if tt.end == "gone" {
					h = func(w http.ResponseWriter, r *http.Request) {
						if strings.HasSuffix(r.URL.Path, "/transcoding") {
							answer(410, `{"message":"The content is gone"}`)(w, r)
							return
						}
						answer(202, "")(w, r)
					}
				}
				ctx := t.Context()
				if tt.limit != 0 {
					var cancel context.CancelFunc
					ctx, cancel = context.WithTimeout(ctx, tt.limit)
					defer cancel()
				}
				c := newClientOf(t, line.Config{Token: line.FixedToken(token), Transport: direct{h}})
				_, err := c.Content(ctx, messageID)
				if d := time.Since(start); d != tt.want {
					t.Errorf("it took %v, want %v", d, tt.want)
				}
				if err == nil || tt.is != nil && !errors.Is(err, tt.is) || line.Temporary(err) != tt.temporary {
					t.Errorf("got error %v", err)
				}
			})
		})
	}
}

// TestContentLimits shows that the header is bounded by the client's time-out
// and the body by the caller's context alone.
func TestContentLimits(t *testing.T) {
	const timeout = 100 * time.Millisecond
	t.Run("no header", func(t *testing.T) {
		url := rawServer(t, untilClosed)
		c := newClientOf(t, line.Config{BaseURL: url, Token: line.FixedToken(token), Timeout: timeout})
		_, err := c.Content(t.Context(), messageID)
		if !errors.Is(err, context.DeadlineExceeded) || !line.Temporary(err) || !strings.Contains(err.Error(), "time ran out") {
			t.Errorf("got error %v, want a time-out", err)
		}
	})
	t.Run("late header", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			c := newClientOf(t, line.Config{Token: line.FixedToken(token), Timeout: timeout, Transport: late{}})
			if got, err := c.Content(t.Context(), messageID); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v and error %v, want a time-out", got, err)
			}
		})
	})
	t.Run("preparing for ever", func(t *testing.T) {
		url := rawServer(t, func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 202 Accepted\r\nContent-Length: 2\r\n\r\n{")
			untilClosed(c)
		})
		c := newClientOf(t, line.Config{BaseURL: url, Token: line.FixedToken(token), Timeout: timeout})
		if _, err := c.Content(t.Context(), messageID); !line.Temporary(err) {
			t.Errorf("got error %v, want a temporary one", err)
		}
	})
	t.Run("slow body", func(t *testing.T) {
		more := make(chan struct{})
		url := rawServer(t, func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
			<-more
			io.WriteString(c, "def")
			untilClosed(c)
		})
		c := newClientOf(t, line.Config{BaseURL: url, Token: line.FixedToken(token), Timeout: timeout})
		got, err := c.Content(t.Context(), messageID)
		if err != nil {
			t.Fatal(err)
		}
		<-time.After(2 * timeout) // the time itself is what is tested
		close(more)
		body, err := io.ReadAll(got.Body)
		if err != nil || string(body) != "abcdef" {
			t.Errorf("got %q and error %v", body, err)
		}
		got.Body.Close()
	})
	t.Run("caller's context", func(t *testing.T) {
		url := rawServer(t, func(c net.Conn) {
			readRequest(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
			untilClosed(c)
		})
		ctx, cancel := context.WithCancel(t.Context())
		got, err := newClient(t, url).Content(ctx, messageID)
		if err != nil {
			t.Fatal(err)
		}
		defer got.Body.Close()
		cancel()
		if _, err := io.ReadAll(got.Body); !errors.Is(err, context.Canceled) {
			t.Errorf("got error %v, want the context's", err)
		}
	})
}

// late is a transport whose answers come when their time is over.
type late struct{}

func (late) RoundTrip(*http.Request) (*http.Response, error) {
	time.Sleep(time.Minute)
	return &http.Response{StatusCode: 200, Body: http.NoBody, Header: http.Header{}}, nil
}
