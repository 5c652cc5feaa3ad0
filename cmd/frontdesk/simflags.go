package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/linesim"
)

// firstFriend is the ID of the first of --friends, and whom 'frontdesk trigger'
// speaks for when it is told nobody.
const firstFriend = "U00000000000000000000000000000001"

// simFlags are what sim and dev can be told of the simulator.
type simFlags struct {
	rates, quota, faults, friends string
	tokenLife, webhookTimeout     string
	botName, id, secret, token    string
}

// addFlags adds the flags. The secret and the token have defaults of the
// command.
func (f *simFlags) addFlags(cmd *cobra.Command, secret, token string) {
	made := func(def string) string {
		if def == "" {
			return "; empty makes one up"
		}
		return ""
	}
	textFlag(cmd, &f.secret, "channel-secret", "SECRET", secret, "secret that the simulator signs webhooks with"+made(secret))
	textFlag(cmd, &f.token, "channel-access-token", "TOKEN", token, "token that the simulator's Messaging API accepts"+made(token))
	textFlag(cmd, &f.id, "channel-id", "ID", linesim.DefaultChannelID, "channel ID, for bots that fetch tokens with it and the secret")
	textFlag(cmd, &f.botName, "bot-name", "NAME", "Simulated bot", "display name of the bot")
	textFlag(cmd, &f.friends, "friends", "NAMES", "", "friends of the bot to begin with, with commas; more can be added on the page")
	textFlag(cmd, &f.rates, "rates", "RATES", "line", "rates of the Messaging API, above which calls are answered 429: line for LINE's own, off for none, or a factor such as 0.5 for half of them")
	textFlag(cmd, &f.quota, "monthly-quota", "NUMBER", "0", "recipients that pushes, multicasts and broadcasts may reach in a month; 0 for no limit")
	textFlag(cmd, &f.faults, "faults", "JSON", "", "what goes wrong from the start: JSON as for PUT /sim/faults, or the name of a file that holds it")
	textFlag(cmd, &f.tokenLife, "reply-token-life", "DURATION", linesim.DefaultReplyTokenLife.String(), "time in which a reply token must be used")
	textFlag(cmd, &f.webhookTimeout, "webhook-timeout", "DURATION", linesim.DefaultWebhookTimeout.String(), "time in which a webhook must be answered")
}

// config returns the simulator's configuration, or all faults of the flags.
func (f *simFlags) config() (linesim.Config, error) {
	cfg := linesim.Config{BotName: f.botName, ChannelID: f.id, ChannelSecret: f.secret, ChannelAccessToken: f.token}
	var faults [4]error
	cfg.Rates, faults[0] = parseRates(f.rates)
	if cfg.MonthlyQuota, faults[1] = strconv.ParseInt(f.quota, 10, 64); faults[1] != nil || cfg.MonthlyQuota < 0 {
		faults[1] = usageErrorf("--monthly-quota: %q is not a whole number from 0 on", f.quota)
	}
	cfg.ReplyTokenLife, faults[2] = parseLimit("--reply-token-life", f.tokenLife)
	cfg.WebhookTimeout, faults[3] = parseLimit("--webhook-timeout", f.webhookTimeout)
	return cfg, errors.Join(faults[:]...)
}

// parseLimit reads a time above zero.
func parseLimit(flag, text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil || d <= 0 {
		return 0, usageErrorf("%s: %q is not a duration such as 20s or 5m", flag, text)
	}
	return d, nil
}

// parseRates reads --rates.
func parseRates(text string) (linesim.Rates, error) {
	switch text {
	case "line":
		return linesim.Rates{}, nil
	case "off":
		return linesim.Rates{Off: true}, nil
	}
	factor, err := strconv.ParseFloat(text, 64)
	if err != nil || !(factor > 0 && factor <= 1000) {
		return linesim.Rates{}, usageErrorf("--rates: %q is not line, off, or a factor above 0 and up to 1000", text)
	}
	return linesim.Rates{Factor: factor}, nil
}

// prepare gives a new simulator its faults and its friends.
func (f *simFlags) prepare(sim *linesim.Simulator) error {
	if err := f.setFaults(sim); err != nil {
		return fmt.Errorf("--faults: %w", err)
	}
	n := 0
	for name := range strings.SplitSeq(f.friends, ",") {
		if name = strings.TrimSpace(name); name == "" {
			continue
		}
		n++
		if _, err := sim.AddUser(linesim.NewUser{UserID: fmt.Sprintf("U%032x", n), DisplayName: name, Language: "en"}); err != nil {
			return fmt.Errorf("--friends: %w", err)
		}
	}
	return nil
}

func (f *simFlags) setFaults(sim *linesim.Simulator) error {
	text := []byte(strings.TrimSpace(f.faults))
	if len(text) == 0 {
		return nil
	}
	if text[0] != '{' {
		var err error
		if text, err = os.ReadFile(f.faults); err != nil {
			return err
		}
	}
	var faults linesim.Faults
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&faults); err != nil {
		return err
	}
	return sim.SetFaults(faults)
}

// printFriends lists the users of a new simulator.
func printFriends(out io.Writer, sim *linesim.Simulator) {
	for _, u := range sim.Users() {
		fmt.Fprintf(out, "  friend                %s  %s\n", u.UserID, u.DisplayName)
	}
}
