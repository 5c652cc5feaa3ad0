package bench

import (
	"bufio"
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"
)

const (
	secret = "benchmark-secret"
	token  = "benchmark-token"
	// users is how many different users the events come from.
	users = 10_000
	// bodyBytes is about the size of a webhook with one short text event.
	bodyBytes = 600
	// answerLimit bounds the wait for one answer.
	answerLimit = 10 * time.Second
)

// template is a webhook of one text event; its ID and its user are written
// over in each copy.
var template = func() []byte {
	body := `{"destination":"U00000000000000000000000000000000","events":[{"type":"message","message":{"type":"text",` +
		`"id":"100000000000000001","quoteToken":"yHAz4Ua2wx7yHAz4Ua2wx7yHAz4Ua2wx7yHAz4Ua2wx7","markAsReadToken":"yHAz4Ua2wx7yHAz4Ua2wx7",` +
		`"text":"%TEXT%"},"webhookEventId":"%EVENT-IDENTIFIER-26-LONG%","deliveryContext":{"isRedelivery":false},` +
		`"timestamp":1760000000000,"source":{"type":"user","userId":"%USER-IDENTIFIER-AS-LONG-AS-33-I%"},` +
		`"replyToken":"0f3779fba3b349968c5d07db31eab56f","mode":"active"}]}`
	fill := bytes.Repeat([]byte("x"), bodyBytes-len(body)+len("%TEXT%"))
	return bytes.Replace([]byte(body), []byte("%TEXT%"), fill, 1)
}()

var (
	idAt   = bytes.Index(template, []byte("%EVENT"))
	userAt = bytes.Index(template, []byte("%USER"))
)

const idChars = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

// webhook makes signed requests; each connection has one of its own.
type webhook struct {
	body []byte
	buf  []byte
	head string
}

func newWebhook(host string) *webhook {
	return &webhook{
		body: bytes.Clone(template),
		head: "POST /callback HTTP/1.1\r\nHost: " + host + "\r\nContent-Type: application/json; charset=utf-8\r\n" +
			"User-Agent: bench\r\nContent-Length: " + strconv.Itoa(len(template)) + "\r\nX-Line-Signature: ",
	}
}

// next returns the bytes of a request with a new event.
func (w *webhook) next() []byte {
	for i := range 26 {
		w.body[idAt+i] = idChars[rand.IntN(len(idChars))]
	}
	_ = fmt.Appendf(w.body[userAt:userAt], "U%032x", rand.IntN(users)) // in place
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write(w.body)
	w.buf = append(w.buf[:0], w.head...)
	w.buf = base64.StdEncoding.AppendEncode(w.buf, mac.Sum(nil))
	w.buf = append(w.buf, "\r\n\r\n"...)
	w.buf = append(w.buf, w.body...)
	return w.buf
}

// event returns the event of the last request.
func (w *webhook) event() []byte {
	return w.body[len(`{"destination":"U00000000000000000000000000000000","events":[`) : len(w.body)-len(`]}`)]
}

// result is what a load measured.
type result struct {
	Answers   int           `json:"answers"`
	PerSecond float64       `json:"perSecond"`
	P50       time.Duration `json:"p50"`
	P99       time.Duration `json:"p99"`
}

// load sends webhooks to addr over conns connections for a time, each
// connection one after the other, perSecond in all or, for 0, as fast as they
// are answered. Any answer but 200 is an error.
func load(ctx context.Context, addr string, conns int, took time.Duration, perSecond float64) (result, error) {
	ctx, cancel := context.WithTimeout(ctx, took)
	defer cancel()
	times := make([][]time.Duration, conns)
	errs := make([]error, conns)
	var sent atomic.Int64
	var wg sync.WaitGroup
	start := time.Now()
	pace := func() bool { return ctx.Err() == nil }
	if perSecond > 0 {
		pace = func() bool {
			due := start.Add(time.Duration(float64(sent.Add(1)) / perSecond * float64(time.Second)))
			select {
			case <-time.After(time.Until(due)):
				return ctx.Err() == nil
			case <-ctx.Done():
				return false
			}
		}
	}
	for i := range conns {
		wg.Go(func() { times[i], errs[i] = converse(addr, pace) })
	}
	wg.Wait()
	elapsed := time.Since(start)
	all := slices.Concat(times...)
	if err := errors.Join(errs...); err != nil || len(all) == 0 {
		return result{}, errors.Join(err, ctx.Err())
	}
	slices.Sort(all)
	return result{
		Answers: len(all), PerSecond: float64(len(all)) / elapsed.Seconds(),
		P50: all[len(all)/2], P99: all[len(all)*99/100],
	}, nil
}

// converse sends webhooks over one connection while pace allows it. It speaks
// HTTP by hand: a client library would cost more than what it measures.
func converse(addr string, pace func() bool) (times []time.Duration, err error) {
	conn, err := net.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	w := newWebhook(addr)
	for pace() {
		request := w.next()
		start := time.Now()
		conn.SetDeadline(start.Add(answerLimit)) // an error shows at the next call
		if _, err := conn.Write(request); err != nil {
			return times, err
		}
		if err := readAnswer(in); err != nil {
			return times, err
		}
		times = append(times, time.Since(start))
	}
	return times, nil
}

// readAnswer reads one answer and checks that it is a 200.
func readAnswer(in *bufio.Reader) error {
	status, err := in.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 200")) {
		return fmt.Errorf("the server answered %q", bytes.TrimSpace(status))
	}
	length := 0
	for {
		field, err := in.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(field) <= len("\r\n") {
			break
		}
		if name, value, _ := bytes.Cut(field, []byte(":")); bytes.EqualFold(name, []byte("Content-Length")) {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	_, err = io.CopyN(io.Discard, in, int64(length))
	return err
}
