package main

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"
)

// trigger is one use of the command.
type trigger struct {
	target      triggerTarget
	raw, again  string
	event       triggerEvent
	anyUser     bool // no user was named
	set, unset  []string
	edit        bool
	editor      string
	repeat      int
	interval    time.Duration
	print       bool
	in          io.Reader
	out, errOut io.Writer
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

--set, --unset and --edit change the event before it is sent. PATH names a property as
in message.text or joined.members.0.userId; VALUE is JSON, or a text when it is not.
"auto" as webhookEventId, timestamp, replyToken or a message's ID is made up anew for
every webhook.

The flags are made for 'frontdesk dev' on this machine; elsewhere give --url and
--channel-secret (or LINE_CHANNEL_SECRET). An event made here has a reply token that
LINE does not know: the bot's answer is tried as a reply and then pushed to the user.
With --sim the simulator sends the event to its bot, and the reply token works.`,
		Example: `  frontdesk trigger --text hello
  frontdesk trigger follow --user U0123456789abcdef0123456789abcdef
  frontdesk trigger postback --data action=buy --group C0123456789abcdef0123456789abcdef
  frontdesk trigger --id 01JDKM5Y3Q8W6T2E0A9RZXCVBN --repeat 2 --redelivery   # must be handled once
  frontdesk trigger --sim http://127.0.0.1:9000 beacon --set beacon.type=leave --unset beacon.hwid
  frontdesk trigger --sim http://127.0.0.1:9000 --again 01JDKM5Y3Q8W6T2E0A9RZXCVBN --redelivery
  frontdesk trigger sticker --edit --repeat 100 --interval 50ms
  frontdesk trigger --raw event.json       # an event, or a whole webhook body as it is
  frontdesk trigger sticker --print        # show it, send nothing`,
		Args:      takes(0, 1, "one kind of event"),
		ValidArgs: triggerKinds(),
	}
	t.addFlags(cmd)
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		t.event.kind = "text"
		if len(args) == 1 {
			t.event.kind = args[0]
		}
		if len(args) == 1 && (t.raw != "" || t.again != "") {
			return usageErrorf("%s: --raw and --again bring an event of their own", args[0])
		}
		if t.target.secret == "" {
			first, _, _ := strings.Cut(env.get("LINE_CHANNEL_SECRET"), ",")
			t.target.secret = strings.TrimSpace(first)
		}
		if t.target.secret == "" {
			t.target.secret = devSecret
		}
		t.editor = editorOf(env)
		t.anyUser = !cmd.Flags().Changed("user")
		t.in, t.out, t.errOut = cmd.InOrStdin(), cmd.OutOrStdout(), cmd.ErrOrStderr()
		return t.run(cmd.Context())
	}
	return cmd
}

func (t *trigger) addFlags(cmd *cobra.Command) {
	textFlag(cmd, &t.target.url, "url", "URL", "http://127.0.0.1:8080/callback", "webhook URL")
	textFlag(cmd, &t.target.sim, "sim", "URL", "", "simulator that sends the event to its bot, in place of --url; as 'frontdesk sim' prints it")
	textFlag(cmd, &t.target.secret, "channel-secret", "SECRET", "", "secret to sign with; empty for LINE_CHANNEL_SECRET, or that of 'frontdesk dev'")
	f := cmd.Flags()
	f.StringVar(&t.event.text, "text", "hello", "text of the message, or name of the file or place")
	f.StringVar(&t.event.data, "data", "action=test", "data of a postback")
	f.StringVar(&t.event.user, "user", firstFriend, "user ID; empty for an event without one; with --sim the first of its users")
	f.StringVar(&t.event.group, "group", "", "group ID (C…) or room ID (R…); empty for the chat with the user")
	f.StringVar(&t.event.id, "id", "", "webhookEventId; empty makes one up for each event")
	f.StringVar(&t.event.messageID, "message", "", "ID of the message, also of the one that is unsent; empty makes one up")
	f.StringVar(&t.event.replyToken, "reply-token", "", "reply token; empty makes one up")
	f.BoolVar(&t.event.redelivery, "redelivery", false, "mark the event as delivered again")
	f.StringVar(&t.raw, "raw", "", "file with an event, or with a whole body, sent as it is; - for standard input")
	f.StringVar(&t.again, "again", "", "ID of an event that the simulator of --sim sent, to be sent again")
	f.StringArrayVar(&t.set, "set", nil, "set a property, as PATH=VALUE; may be given several times")
	f.StringArrayVar(&t.unset, "unset", nil, "take the property at PATH away, after --set; may be given several times")
	f.BoolVar(&t.edit, "edit", false, "open the event in $VISUAL or $EDITOR and send what is saved")
	f.IntVar(&t.repeat, "repeat", 1, "number of webhooks, one after the other")
	f.DurationVar(&t.interval, "interval", 0, "pause between them")
	f.BoolVar(&t.print, "print", false, "print the request and send nothing")
}

func (t *trigger) run(ctx context.Context) error {
	switch {
	case t.repeat < 1:
		return usageErrorf("--repeat: at least 1")
	case t.interval < 0:
		return usageErrorf("--interval: must not be negative")
	case t.raw != "" && t.again != "":
		return usageErrorf("--raw and --again: give one of them")
	case t.again != "" && t.target.sim == "":
		return usageErrorf("--again: it is the simulator that knows what it sent; name it with --sim")
	}
	src, err := t.source(ctx)
	if err != nil {
		return err
	}
	refused := 0
	for n := range t.repeat {
		if err := pause(ctx, n, t.interval); err != nil {
			return err
		}
		content, err := src.content(time.Now())
		if err != nil {
			return err
		}
		if t.print {
			if err := t.target.show(t.out, content); err != nil {
				return err
			}
			continue
		}
		ok, err := t.target.send(ctx, content, t.out)
		if err != nil {
			return err
		}
		if !ok {
			refused++
		}
	}
	if refused > 0 {
		return fmt.Errorf("not answered %d: %d of %s", t.target.good(), refused, count(t.repeat, "webhook"))
	}
	return nil
}

// pause waits before every webhook but the first.
func pause(ctx context.Context, n int, d time.Duration) error {
	if n == 0 || d == 0 {
		return ctx.Err()
	}
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
