package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

const (
	// triggerLimit bounds one webhook: well above LINE's 2 s, to see how late
	// an answer comes.
	triggerLimit = 10 * time.Second
	// maxAnswer bounds what of an answer is shown.
	maxAnswer = 4 << 10
	// maxSimAnswer bounds what is read of the simulator: an event, or a list of
	// users.
	maxSimAnswer = 16 << 20
	// lateAnswer is when LINE gives up waiting (development guidelines).
	lateAnswer = 2 * time.Second
)

// triggerTarget is where webhooks go: to a URL, signed here, or to a simulator
// that signs and sends them.
type triggerTarget struct {
	url, secret string
	sim         string // "" for none
}

// good is the status of the answer to a webhook that was taken.
func (t triggerTarget) good() int {
	if t.sim != "" {
		return http.StatusAccepted
	}
	return http.StatusOK
}

// message returns where an event or a whole body goes, what is sent, and its
// signature, "" for none.
func (t triggerTarget) message(content []byte) (target string, body []byte, sign string, err error) {
	if t.sim == "" {
		body = wrap(content)
		return t.url, body, signature(t.secret, body), nil
	}
	request := map[string]any{"body": string(content)}
	if isLone(content) {
		request = map[string]any{"event": json.RawMessage(content)}
	}
	body, err = json.Marshal(request)
	return t.control("trigger"), body, "", err
}

// control returns the URL of a call of the simulator's control API.
func (t triggerTarget) control(path string) string {
	return strings.TrimSuffix(t.sim, "/") + "/sim/" + path
}

// show prints what would be sent.
func (t triggerTarget) show(out io.Writer, content []byte) error {
	target, body, sign, err := t.message(content)
	if err != nil {
		return err
	}
	if sign != "" {
		sign = "X-Line-Signature: " + sign + "\n"
	}
	_, err = fmt.Fprintf(out, "POST %s\nContent-Type: application/json\n%s\n%s\n", target, sign, body)
	return err
}

// send sends one webhook and prints the answer. It reports whether that was the
// good one; the error is of a webhook that was not answered.
func (t triggerTarget) send(ctx context.Context, content []byte, out io.Writer) (ok bool, err error) {
	target, body, sign, err := t.message(content)
	if err != nil {
		return false, err
	}
	start := time.Now()
	status, answer, err := t.do(ctx, http.MethodPost, target, body, sign, maxAnswer)
	if err != nil {
		return false, err
	}
	took := time.Since(start)
	id := firstEventID(wrap(content))
	if t.sim != "" {
		id = gjson.GetBytes(answer, "webhookEventIds.0").String()
	}
	fmt.Fprintf(out, "%d  %.1f ms  %s%s\n", status, float64(took.Microseconds())/1000, id, late(took))
	if status != t.good() && len(answer) > 0 {
		fmt.Fprintf(out, "%s\n", printable(string(bytes.TrimSpace(answer))))
	}
	return status == t.good(), nil
}

// do makes one request and returns the answer, as far as limit.
func (t triggerTarget) do(ctx context.Context, method, target string, body []byte, sign string, limit int64) (status int, answer []byte, err error) {
	ctx, cancel := context.WithTimeout(ctx, triggerLimit)
	defer cancel()
	flag := "--url"
	if t.sim != "" {
		flag = "--sim"
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return 0, nil, usageErrorf("%s: %w", flag, err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	if sign != "" {
		req.Header.Set("X-Line-Signature", sign)
	}
	resp, err := http.DefaultClient.Do(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return 0, nil, fmt.Errorf("no answer from %s within %v; LINE waits %v", target, triggerLimit, lateAnswer)
	case err != nil:
		return 0, nil, fmt.Errorf("send the webhook (does the server run? %s says where): %w", flag, err)
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, limit))
	if err != nil {
		return 0, nil, fmt.Errorf("read the answer of %s: %w", target, err)
	}
	return resp.StatusCode, answer, nil
}

// ask reads from the simulator.
func (t triggerTarget) ask(ctx context.Context, path string) ([]byte, error) {
	status, answer, err := t.do(ctx, http.MethodGet, t.control(path), nil, "", maxSimAnswer)
	if err != nil {
		return nil, err
	}
	if status != http.StatusOK {
		return nil, fmt.Errorf("ask the simulator: status %d: %s", status, printable(gjson.GetBytes(answer, "error").String()))
	}
	return answer, nil
}

// event returns an event as the simulator sent it.
func (t triggerTarget) event(ctx context.Context, id string) ([]byte, error) {
	return t.ask(ctx, "events/"+url.PathEscape(id))
}

// firstUser returns the first user of the simulator, or def when it has none.
func (t triggerTarget) firstUser(ctx context.Context, def string) (string, error) {
	answer, err := t.ask(ctx, "users")
	if err != nil {
		return "", err
	}
	if id := gjson.GetBytes(answer, "users.0.userId").String(); id != "" {
		return id, nil
	}
	return def, nil
}

func late(took time.Duration) string {
	if took < lateAnswer {
		return ""
	}
	return "  too late: LINE waits " + lateAnswer.String()
}

// signature returns the value of X-Line-Signature (Messaging API, Verify
// webhook signature).
func signature(secret string, body []byte) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(body)
	return base64.StdEncoding.EncodeToString(mac.Sum(nil))
}
