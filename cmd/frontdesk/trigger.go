package main

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

const (
	// triggerLimit bounds one webhook: well above LINE's 2 s, to see how late
	// an answer comes.
	triggerLimit = 10 * time.Second
	// maxAnswer bounds what of an answer is shown.
	maxAnswer = 4 << 10
	// maxRawBody bounds what --raw reads; the server takes 1 MiB.
	maxRawBody = 16 << 20
	// lateAnswer is when LINE gives up waiting (development guidelines).
	lateAnswer = 2 * time.Second
)

// trigger is one use of the command.
type trigger struct {
	url, secret, raw string
	event            triggerEvent
	repeat           int
	print            bool
}

func newTriggerCommand(env *environment) *cobra.Command {
	var t trigger
	cmd := &cobra.Command{
		Use:   "trigger [KIND]",
		Short: "Send a signed event to a webhook",
		Long: `Send one webhook with one event, signed as LINE does, and print the answer: status,
time and the event's ID. The exit code is 0 when all answers were 200.

KIND is one of: ` + strings.Join(triggerKinds(), ", ") + `.
Without one it is text.

The flags are made for 'frontdesk dev' on this machine; elsewhere give --url and
--channel-secret (or LINE_CHANNEL_SECRET). An event made here has a reply token that
LINE does not know: the bot's answer is tried as a reply and then pushed to the user.`,
		Example: `  frontdesk trigger --text hello
  frontdesk trigger follow --user U0123456789abcdef0123456789abcdef
  frontdesk trigger postback --data action=buy --group C0123456789abcdef0123456789abcdef
  frontdesk trigger --id 01JDKM5Y3Q8W6T2E0A9RZXCVBN --repeat 2 --redelivery   # must be handled once
  frontdesk trigger --raw event.json       # an event, or a whole webhook body as it is
  frontdesk trigger sticker --print        # show it, send nothing`,
		Args:      takes(0, 1, "one kind of event"),
		ValidArgs: triggerKinds(),
	}
	textFlag(cmd, &t.url, "url", "URL", "http://127.0.0.1:8080/callback", "webhook URL")
	textFlag(cmd, &t.secret, "channel-secret", "SECRET", "", "secret to sign with; empty for LINE_CHANNEL_SECRET, or that of 'frontdesk dev'")
	f := cmd.Flags()
	f.StringVar(&t.event.text, "text", "hello", "text of the message, or name of the file or place")
	f.StringVar(&t.event.data, "data", "action=test", "data of a postback")
	f.StringVar(&t.event.user, "user", "U"+strings.Repeat("0", 31)+"1", "user ID; empty for an event without one")
	f.StringVar(&t.event.group, "group", "", "group ID (C…) or room ID (R…); empty for the chat with the user")
	f.StringVar(&t.event.id, "id", "", "webhookEventId; empty makes one up for each event")
	f.StringVar(&t.event.messageID, "message", "", "ID of the message, also of the one that is unsent; empty makes one up")
	f.StringVar(&t.event.replyToken, "reply-token", "", "reply token; empty makes one up")
	f.BoolVar(&t.event.redelivery, "redelivery", false, "mark the event as delivered again")
	f.StringVar(&t.raw, "raw", "", "file with an event, or with a whole body, sent as it is; - for standard input")
	f.IntVar(&t.repeat, "repeat", 1, "number of webhooks, one after the other")
	f.BoolVar(&t.print, "print", false, "print the request and send nothing")
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t.event.kind = "text"
		if len(args) == 1 {
			t.event.kind = args[0]
		}
		if t.secret == "" {
			first, _, _ := strings.Cut(env.get("LINE_CHANNEL_SECRET"), ",")
			t.secret = strings.TrimSpace(first)
		}
		if t.secret == "" {
			t.secret = devSecret
		}
		return t.run(cmd.Context(), cmd.InOrStdin(), cmd.OutOrStdout())
	}
	return cmd
}

func (t *trigger) run(ctx context.Context, in io.Reader, out io.Writer) error {
	if t.repeat < 1 {
		return usageErrorf("--repeat: at least 1")
	}
	var raw []byte
	if t.raw != "" {
		var err error
		if raw, err = readRaw(t.raw, in); err != nil {
			return err
		}
	}
	refused := 0
	for range t.repeat {
		id, body, err := t.body(raw)
		if err != nil {
			return err
		}
		if t.print {
			fmt.Fprintf(out, "POST %s\nContent-Type: application/json\nX-Line-Signature: %s\n\n%s\n", t.url, signature(t.secret, body), body)
			continue
		}
		ok, err := t.send(ctx, id, body, out)
		if err != nil {
			return err
		}
		if !ok {
			refused++
		}
	}
	if refused > 0 {
		return fmt.Errorf("not answered 200: %d of %s", refused, count(t.repeat, "webhook"))
	}
	return nil
}

// body returns the webhook's body and the ID of its event, "" when that is not
// known.
func (t *trigger) body(raw []byte) (id string, body []byte, err error) {
	if t.raw != "" {
		id, body = wrapRaw(raw)
		return id, body, nil
	}
	return t.event.body(time.Now())
}

func readRaw(name string, in io.Reader) ([]byte, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--raw: %w", err)
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxRawBody+1))
	if err == nil && len(raw) > maxRawBody {
		err = fmt.Errorf("more than %d bytes", maxRawBody)
	}
	if err != nil {
		return nil, fmt.Errorf("--raw: %w", err)
	}
	return raw, nil
}

// send sends one webhook and prints the answer. It reports whether that was
// 200; the error is of a webhook that was not answered.
func (t *trigger) send(ctx context.Context, id string, body []byte, out io.Writer) (ok bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, triggerLimit)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, t.url, bytes.NewReader(body))
	if err != nil {
		return false, usageErrorf("--url: %w", err)
	}
	req.Header.Set("Content-Type", "application/json; charset=utf-8")
	req.Header.Set("X-Line-Signature", signature(t.secret, body))
	start := time.Now()
	resp, err := http.DefaultClient.Do(req)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return false, fmt.Errorf("no answer from %s within %v; LINE waits %v", t.url, triggerLimit, lateAnswer)
	case err != nil:
		return false, fmt.Errorf("send the webhook (does the server run? --url says where): %w", err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	if err != nil {
		return false, fmt.Errorf("read the answer of %s: %w", t.url, err)
	}
	took := time.Since(start)
	fmt.Fprintf(out, "%d  %.1f ms  %s%s\n", resp.StatusCode, float64(took.Microseconds())/1000, id, late(took))
	if resp.StatusCode != http.StatusOK && len(answer) > 0 {
		fmt.Fprintf(out, "%s\n", bytes.TrimSpace(answer))
	}
	return resp.StatusCode == http.StatusOK, nil
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
