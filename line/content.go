package line

import (
	"context"
	"errors"
	"io"
	"net/http"
	"time"
)

const (
	endpointContent        = "content"
	endpointContentPreview = "content_preview"
	endpointTranscoding    = "transcoding"
)

// While LINE prepares a long video or audio it is asked again, at first soon
// and then every few seconds, and not for ever.
const (
	prepareFirst = 500 * time.Millisecond
	prepareMost  = 5 * time.Second
	prepareLimit = 10 * time.Minute
)

// Content is what a user sent: an image, video, audio or file. The caller
// closes Body. Reading it ends with an error when the context of the call that
// returned it ends.
type Content struct {
	Body        io.ReadCloser
	ContentType string // such as "image/jpeg"
	Length      int64  // bytes, or -1 when LINE did not say
}

// Content fetches the content of a message whose contentProvider is "line".
//
// While LINE prepares it (202, for long video and audio) Content waits until
// ctx ends, for ten minutes at most. The error matches [ErrGone] when the
// sender took the message back, [ErrNotFound] when LINE has deleted the
// content, and [ErrNotPrepared] when LINE cannot prepare it.
func (c *Client) Content(ctx context.Context, messageID string) (*Content, error) {
	return c.content(ctx, endpointContent, messageID, "/content")
}

// ContentPreview fetches a small image of an image or video, as [Client.Content]
// does the whole.
func (c *Client) ContentPreview(ctx context.Context, messageID string) (*Content, error) {
	return c.content(ctx, endpointContentPreview, messageID, "/content/preview")
}

func (c *Client) content(ctx context.Context, endpoint, messageID, suffix string) (*Content, error) {
	if err := checkMessageID(endpoint, messageID); err != nil {
		return nil, err
	}
	base := c.data + "/v2/bot/message/" + segment(messageID)
	r := request{endpoint: endpoint, method: http.MethodGet, url: base + suffix}
	giveUp := time.Now().Add(prepareLimit)
	for pause := prepareFirst; ; pause = min(2*pause, prepareMost) {
		content, err := c.download(ctx, r)
		if content != nil || err != nil {
			return content, err
		}
		if err := c.prepared(ctx, r, base+"/content/transcoding", pause, giveUp); err != nil {
			return nil, err
		}
	}
}

// download makes one try at a content. It returns nil and no error while LINE
// still prepares it.
func (c *Client) download(ctx context.Context, r request) (*Content, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	slow := time.AfterFunc(c.timeout, func() { cancel(context.DeadlineExceeded) })
	resp, err := c.do(ctx, r)
	preparing := err == nil && resp.StatusCode == http.StatusAccepted
	if preparing {
		if _, broken := readAnswer(resp); broken != nil {
			err = r.answered(resp, broken)
		}
	}
	if !slow.Stop() && err == nil && !preparing {
		resp.Body.Close()
		err = &Error{Endpoint: r.endpoint, Err: context.DeadlineExceeded}
	}
	if err != nil || preparing {
		cancel(nil)
		return nil, err
	}
	return &Content{
		Body:        &contentBody{ReadCloser: resp.Body, cancel: cancel},
		ContentType: resp.Header.Get("Content-Type"),
		Length:      resp.ContentLength,
	}, nil
}

// contentBody is the body of a content. Its context ends when it is closed.
type contentBody struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

func (b *contentBody) Close() error {
	err := b.ReadCloser.Close()
	b.cancel(nil)
	return err
}

// prepared waits until LINE says that a content is ready, asking after pauses
// that start with the given one.
func (c *Client) prepared(ctx context.Context, r request, url string, pause time.Duration, giveUp time.Time) error {
	for ; ; pause = min(2*pause, prepareMost) {
		if time.Now().Add(pause).After(giveUp) {
			return &Error{Endpoint: r.endpoint, Status: http.StatusAccepted, Err: errStillPreparing}
		}
		select {
		case <-ctx.Done():
			return &Error{Endpoint: r.endpoint, Status: http.StatusAccepted, Err: errors.Join(errStillPreparing, ctx.Err())}
		case <-time.After(pause):
		}
		var a struct{ Status string }
		err := c.call(ctx, request{endpoint: endpointTranscoding, method: http.MethodGet, url: url}, &a)
		switch {
		case err != nil && !Temporary(err):
			return err
		case err == nil && a.Status == "succeeded":
			return nil
		case err == nil && a.Status == "failed":
			return &Error{Endpoint: r.endpoint, Status: http.StatusAccepted, Err: ErrNotPrepared}
		}
	}
}
