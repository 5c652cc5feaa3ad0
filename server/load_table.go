package server

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Setting is one key of the configuration. The same key is a line of the
// file, an environment variable and a flag.
type Setting struct {
	Key     string // in the file; a dot stands for nesting: "handler.timeout"
	Arg     string // what a value is, in capitals: "DURATION"; "" for true or false
	Default string // as it would be written; "" for none
	Usage   string // one sentence without its full stop
	// Into gets the value of a program's own setting (Sources.Extra).
	Into *string

	read func(text string) (any, error) // nil for text
}

// Env returns the name of the setting's variable: FRONTDESK_HANDLER_TIMEOUT.
func (s Setting) Env() string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(s.Key, ".", "_"))
}

// Flag returns the name of the setting's flag: handler-timeout.
func (s Setting) Flag() string { return strings.NewReplacer(".", "-", "_", "-").Replace(s.Key) }

// parse turns the text of a value into what the field holds.
func (s Setting) parse(text string) (any, error) {
	if s.read == nil {
		return text, nil
	}
	v, err := s.read(strings.TrimSpace(text))
	if err != nil {
		return nil, fmt.Errorf("%s: %q is not %w", s.Key, text, err)
	}
	return v, nil
}

// Settings returns all settings but the channels, in the order of the file.
func Settings() []Setting {
	def := DefaultConfig()
	return []Setting{
		textSetting("listen", "ADDRESS", def.Listen, "public address, for LINE's webhooks"),
		textSetting("internal_listen", "ADDRESS", def.InternalListen,
			"address of /metrics, /healthz, /readyz and /debug/pprof; it has no login, so keep it private; empty for none"),
		textSetting("data", "FOLDER", def.Data, "data folder; it belongs to one process at a time"),
		textSetting("tls.cert", "FILE", "", "certificate of the public port, with tls.key; empty for plain HTTP behind a proxy; read again when it changes"),
		textSetting("tls.key", "FILE", "", "private key of the certificate"),
		textSetting("nats.url", "URL", "", "external NATS server or cluster with JetStream; empty keeps the store in this process"),
		countSetting("nats.replicas", def.NATS.Replicas, "copies of each stream on the external cluster"),
		textSetting("line.api", "URL", "", "Messaging API; empty for LINE itself"),
		textSetting("line.data_api", "URL", "", "Messaging API for message content; empty for the same as line.api, or LINE itself"),
		sizeSetting("inbox.max_bytes", def.Inbox.MaxBytes, "size of the stored events; beyond it webhooks are answered 503 until older events are handled"),
		durationSetting("inbox.keep", def.Inbox.Keep, "how long handled events stay, while there is room"),
		sizeSetting("outbox.max_bytes", def.Outbox.MaxBytes, "size of the stored sends; beyond it handlers wait until older ones are sent"),
		durationSetting("outbox.keep", def.Outbox.Keep, "how long finished sends stay, while there is room"),
		sizeSetting("timers.max_bytes", def.Timers.MaxBytes, "size of the timers that wait; beyond it handlers are told that there is no room for more"),
		countSetting("handler.max_concurrent", def.Handler.MaxConcurrent, "handlers that run at once"),
		durationSetting("handler.timeout", def.Handler.Timeout, "limit of one attempt"),
		durationSetting("handler.loading_after", def.Handler.LoadingAfter,
			"how long a handler runs before the loading animation is shown, in chats with one user; longer than handler.timeout for never"),
		durationSetting("handler.button_after", def.Handler.ButtonAfter,
			"how long after its acceptance an event whose handler still runs gets the button of slow_answer; at most 49s"),
		countSetting("handler.max_attempts", def.Handler.MaxAttempts, "attempts before an event becomes a dead letter"),
		durationSetting("handler.backoff_min", def.Handler.BackoffMin, "pause after the first failed attempt, doubled each time"),
		durationSetting("handler.backoff_max", def.Handler.BackoffMax, "longest pause between attempts"),
		countSetting("workers", def.Workers, "processes of each bot whose address is exec:; a conversation always comes to the same one"),
		countSetting("worker.in_flight", def.Worker.InFlight, "events that such a process, or a bot at a URL, has at once"),
		textSetting("worker.secret", "SECRET", "", "signs what is posted to bots at URLs; empty for no signature"),
		durationSetting("quota.every", def.Quota.Every, "how often LINE is asked how much of the monthly quota is used"),
		textSetting("quota.warn", "PERCENTS", def.Quota.Warn, "shares of the monthly quota at which the log warns, with commas; none for no warning"),
		switchSetting("chat.enabled", def.Chat.Enabled, "whether the WebSocket chat is served on the public port, under /chat"),
		textSetting("chat.guests", "WORD", def.Chat.Guests,
			"what visitors without a login may do: none for nothing, rooms for the rooms that take guests, full for direct messages as well"),
		textSetting("chat.origins", "ORIGINS", "", "other origins whose pages may connect to the chat, such as https://example.com, with commas"),
		textSetting("chat.servers", "ADDRESSES", "", "WebSockets of other servers with the same rooms, such as wss://b.example.com/chat/ws, with commas: the chat page goes there when its own server is gone"),
		textSetting("chat.secret", "TEXT", "", "signs the chat's tokens, at least 32 bytes; empty for one that is made and kept in the store"),
		textSetting("chat.bot", "NAME", "", "bot that answers in rooms, as of a channel; empty for that of the channels, none for none"),
		textSetting("chat.bot_name", "NAME", def.Chat.BotName, "by which the bot writes; in rooms with several people it is addressed with @ and this"),
		textSetting("chat.transcripts", "on|off", def.Chat.Transcripts, "whether conversations at LINE are kept as rooms for operators, while the chat is on"),
		countSetting("chat.max_connections", def.Chat.MaxConnections, "connections of the chat at once; more are turned away"),
		countSetting("chat.rate", def.Chat.Rate, "frames a second that one connection of the chat may send, with bursts of twice as many"),
		sizeSetting("chat.max_bytes", def.Chat.MaxBytes, "size of the stored messages of all rooms; beyond it the oldest go"),
		durationSetting("chat.keep", def.Chat.Keep, "how long messages of rooms stay, while there is room; 0s for no limit"),
		textSetting("bot_api.listen", "ADDRESS", def.BotAPI.Listen,
			"address of the Messaging API for LINE bots behind Frontdesk (a bot of line:URL); open only when there is one; keep it private"),
		countSetting("bot_api.max_forwards", def.BotAPI.MaxForwards, "webhooks that are under way to such a bot at once"),
		durationSetting("profile_age", def.ProfileAge, "how old a user's profile gets before LINE is asked again"),
		durationSetting("drain", def.Drain, "how long running handlers get at shutdown"),
	}
}

// channelSettings are the keys of one entry of "channels".
func channelSettings() []Setting {
	return []Setting{
		textSetting("name", "NAME", "", "the webhook URL ends in /callback/NAME; the first channel also answers on /callback"),
		textSetting("secrets", "LIST", "", "channel secrets, from the Basic settings page of the LINE Developers Console; two while one is being replaced"),
		textSetting("access_token", "TOKEN", "", "long-lived channel access token, from the Messaging API page"),
		textSetting("id", "ID", "", "channel ID; in place of access_token, short-lived tokens are fetched with it and the first secret"),
		textSetting("bot", "BOT", "", "bot of this channel, as for --bot; empty for the one of --bot"),
		countSetting("workers", 0, "processes of a bot behind exec:; 0 for those of workers at the top"),
		textSetting("bot_secret", "SECRET", "", "signs what is posted to a bot at a URL; empty for worker.secret"),
		textSetting("bot_token", "TOKEN", "", "channel access token that a LINE bot behind Frontdesk must show; empty for access_token"),
		textSetting("late_reply", "WORD", lateReplyPush, "replies of such a bot that come after LINE's reply token has ended: push to push them, refuse to answer that the token is invalid"),
		textSetting("prefer", "WORD", preferOnce, "where nobody can tell any more whether a reply arrived: once for a dead letter, delivered to push it at the risk of a doubled answer"),
		textSetting("over_quota", "WORD", overQuotaHold, "pushes when the monthly quota is used up: hold to let them wait, drop for dead letters"),
		textSetting("slow_answer", "WORD", slowAnswerPush, "answers that are not ready when their reply token ends: push to push them, button to spend the token on a button, whose tap brings the answer without a push"),
		textSetting("button_text", "TEXT", DefaultButtonText, "what stands above that button, at most 160 characters"),
		textSetting("button_label", "TEXT", DefaultButtonLabel, "what stands on it, at most 20 characters"),
		rateSetting("reply_rate", "replies per second; 0 for LINE's limit"),
		rateSetting("push_rate", "pushes per second; 0 for LINE's limit"),
		rateSetting("multicast_rate", "multicasts of up to 500 users per second; 0 for LINE's limit"),
		rateSetting("broadcast_rate", "broadcasts per hour; 0 for LINE's limit"),
	}
}

func textSetting(key, arg, def, usage string) Setting {
	return Setting{Key: key, Arg: arg, Default: def, Usage: usage}
}

func durationSetting(key string, def time.Duration, usage string) Setting {
	return Setting{Key: key, Arg: "DURATION", Default: formatDuration(def), Usage: usage,
		read: func(text string) (any, error) { return parseDuration(text) }}
}

func sizeSetting(key string, def int64, usage string) Setting {
	return Setting{Key: key, Arg: "SIZE", Default: formatSize(def), Usage: usage,
		read: func(text string) (any, error) { return parseSize(text) }}
}

func countSetting(key string, def int, usage string) Setting {
	return Setting{Key: key, Arg: "NUMBER", Default: strconv.Itoa(def), Usage: usage,
		read: func(text string) (any, error) {
			n, err := strconv.Atoi(text)
			if err != nil {
				return nil, errors.New("a whole number")
			}
			return n, nil
		}}
}

func switchSetting(key string, def bool, usage string) Setting {
	return Setting{Key: key, Default: strconv.FormatBool(def), Usage: usage,
		read: func(text string) (any, error) {
			on, err := strconv.ParseBool(text)
			if err != nil {
				return nil, errors.New("true or false")
			}
			return on, nil
		}}
}

func rateSetting(key, usage string) Setting {
	return Setting{Key: key, Arg: "NUMBER", Default: "0", Usage: usage,
		read: func(text string) (any, error) {
			f, err := strconv.ParseFloat(text, 64)
			if err != nil || f != f || f > 1e9 {
				return nil, errors.New("a number of calls per second")
			}
			return f, nil
		}}
}

const day = 24 * time.Hour

// parseDuration reads what time.ParseDuration reads, and whole days: "7d".
func parseDuration(text string) (time.Duration, error) {
	if days, ok := strings.CutSuffix(text, "d"); ok {
		if n, err := strconv.Atoi(days); err == nil && -10_000 < n && n < 10_000 {
			return time.Duration(n) * day, nil
		}
	}
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, errors.New("a duration such as 20s, 5m, 12h or 7d")
	}
	return d, nil
}

// formatDuration writes d as parseDuration reads it, without "0s" at the end.
func formatDuration(d time.Duration) string {
	if d >= 2*day && d%day == 0 {
		return strconv.Itoa(int(d/day)) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// sizeUnit is a unit of parseSize.
type sizeUnit struct {
	name  string
	bytes int64
}

// sizeUnits returns the units from the largest to the smallest.
func sizeUnits() []sizeUnit {
	return []sizeUnit{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}}
}

// parseSize reads bytes: "1073741824" or "1GiB".
func parseSize(text string) (int64, error) {
	unit := int64(1)
	for _, u := range sizeUnits() {
		if number, ok := strings.CutSuffix(text, u.name); ok {
			text, unit = strings.TrimSpace(number), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/unit {
		return 0, errors.New("a size such as 512MiB or 1GiB, or a number of bytes")
	}
	return n * unit, nil
}

func formatSize(n int64) string {
	for _, u := range sizeUnits() {
		if n >= u.bytes && n%u.bytes == 0 {
			return strconv.FormatInt(n/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(n, 10)
}

// maxTypos is how many letters a name may differ from the one that is
// suggested for it.
const maxTypos = 3

// suggest returns a question after the nearest of the known names, or "".
func suggest(name string, known []string) string {
	best, distance := "", maxTypos+1
	for _, k := range known {
		if d := editDistance(name, k); d < distance {
			best, distance = k, d
		}
	}
	if best == "" || distance*2 > len(name) {
		return ""
	}
	return "; did you mean " + best + "?"
}

// editDistance counts the letters to add, drop or replace to make b of a.
func editDistance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			replaced := diagonal
			if a[i] != b[j] {
				replaced++
			}
			diagonal = row[j+1]
			row[j+1] = min(replaced, row[j]+1, diagonal+1)
		}
	}
	return row[len(b)]
}

func sortedKeys[K cmp.Ordered, V any](m map[K]V) []K { return slices.Sorted(maps.Keys(m)) }
