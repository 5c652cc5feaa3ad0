package line

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
)

// answerLimit bounds the JSON answers of LINE, in bytes. The longest known one
// is a few hundred bytes for each of five messages.
const answerLimit = 1 << 20

const userAgent = "frontdesk (+https://github.com/line-frontdesk/frontdesk)"

// request is one call before it is sent.
type request struct {
	endpoint string // short name, see Error.Endpoint
	method   string
	url      string
	body     []byte // nil for none
	retryKey string // "" for none
	secret   string // what an error must not repeat beside the access token, or ""
}

// alreadyAccepted reports whether status says that an earlier try of the same
// request arrived (Messaging API reference, Retrying an API request).
func (r request) alreadyAccepted(status int) bool {
	return r.retryKey != "" && status == http.StatusConflict
}

// call makes a call whose answer is JSON and decodes it to into, which may be
// nil where the answer does not matter.
func (c *Client) call(ctx context.Context, r request, into any) error {
	ctx, cancel := context.WithTimeout(ctx, c.timeout)
	defer cancel()
	resp, err := c.do(ctx, r)
	if err != nil {
		return err
	}
	body, err := readAnswer(resp)
	if err == nil && into != nil {
		err = decodeAnswer(body, into)
	}
	if err != nil {
		return r.answered(resp, err)
	}
	return nil
}

// get is call for a GET of path on the API's host.
func (c *Client) get(ctx context.Context, endpoint, path string, into any) error {
	return c.call(ctx, request{endpoint: endpoint, method: http.MethodGet, url: c.api + path}, into)
}

// post is call for a POST of body as JSON, nil for no body, to path on the API's
// host.
func (c *Client) post(ctx context.Context, endpoint, path string, body, into any) error {
	return c.write(ctx, http.MethodPost, endpoint, path, body, into)
}

// write is call with a body as JSON.
func (c *Client) write(ctx context.Context, method, endpoint, path string, body, into any) error {
	r := request{endpoint: endpoint, method: method, url: c.api + path}
	if body != nil {
		encoded, err := json.Marshal(body)
		if err != nil { // unreachable: strings and numbers
			return invalid(endpoint, "request cannot be encoded")
		}
		r.body = encoded
	}
	return c.call(ctx, r, into)
}

// do sends r with a token and returns LINE's answer when that is a 2xx or says
// "already accepted". The caller closes its body. After a 401 a token that can be renewed is renewed and r sent once
// more: LINE has certainly not accepted a request that it did not authorize.
func (c *Client) do(ctx context.Context, r request) (*http.Response, error) {
	if err := c.rates.wait(ctx, r.endpoint); err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		token, err := accessToken(ctx, c.tokens)
		if err != nil {
			return nil, &Error{Endpoint: r.endpoint, Unsent: true, Err: withCause(ctx, err)}
		}
		resp, err := c.exchange(ctx, r, token)
		if err != nil {
			return nil, err
		}
		if resp.StatusCode/100 == 2 || r.alreadyAccepted(resp.StatusCode) {
			return resp, nil
		}
		refusal := readRefusal(r.endpoint, resp, token, r.secret)
		if !first || resp.StatusCode != http.StatusUnauthorized || !forget(c.tokens, token) {
			return nil, refusal
		}
	}
}

// exchange sends r once and returns whatever LINE answers.
func (c *Client) exchange(ctx context.Context, r request, token string) (*http.Response, error) {
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	if err := ctx.Err(); err != nil {
		return nil, &Error{Endpoint: r.endpoint, Unsent: true, Err: withCause(ctx, err)}
	}
	var trace sendTrace
	req, err := http.NewRequestWithContext(trace.watch(ctx), r.method, r.url, body)
	if err != nil {
		return nil, invalid(r.endpoint, "request cannot be built: check the base URL")
	}
	req.Header.Set("Authorization", "Bearer "+token)
	req.Header.Set("User-Agent", userAgent)
	if r.body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.retryKey != "" {
		req.Header.Set("X-Line-Retry-Key", r.retryKey)
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, &Error{Endpoint: r.endpoint, Unsent: trace.unsent(), Err: withCause(ctx, withoutURL(err))}
	}
	return resp, nil
}

// answered is the error of a call to which LINE said yes, in an answer that is
// of no use.
func (r request) answered(resp *http.Response, cause error) *Error {
	return &Error{Endpoint: r.endpoint, Status: resp.StatusCode, RequestID: requestID(resp), Err: cause}
}

// withCause adds to an error why its context ended, if it did: a call that ran
// out of time may be reported as a cancelled one.
func withCause(ctx context.Context, err error) error {
	if ctx.Err() == nil {
		return err
	}
	return errors.Join(context.Cause(ctx), err)
}

// withoutURL takes the request's method and address off a net/http error.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// readAnswer reads an answer to its end, which lets the connection be used
// again, and closes it. An answer above answerLimit is an error.
func readAnswer(resp *http.Response) ([]byte, error) {
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, answerLimit+1))
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errBrokenOff, err)
	}
	if len(body) > answerLimit {
		return nil, errTooLong
	}
	return body, nil
}

// decodeAnswer decodes a JSON object. Its error does not repeat the answer.
func decodeAnswer(body []byte, into any) error {
	if !isObject(body) || json.Unmarshal(body, into) != nil {
		return errNotJSON
	}
	return nil
}

// isObject reports whether body looks like a JSON object.
func isObject(body []byte) bool {
	return bytes.HasPrefix(bytes.TrimLeft(body, " \t\r\n"), []byte("{")) && json.Valid(body)
}

// requestID returns LINE's ID of a request.
func requestID(resp *http.Response) string {
	return cleanText(resp.Header.Get("X-Line-Request-Id"), idLimit)
}

// acceptedRequestID returns LINE's ID of the earlier request that it accepted
// under the same retry key.
func acceptedRequestID(resp *http.Response) string {
	return cleanText(resp.Header.Get("X-Line-Accepted-Request-Id"), idLimit)
}
