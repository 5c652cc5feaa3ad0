package server

import (
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

const oneChannel = "channels:\n  - name: main\n    secrets: [s]\n    access_token: t\n"

// writeConfig writes a configuration file and returns its name.
func writeConfig(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "frontdesk.yaml")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// with returns the defaults, changed by f.
func with(f func(*Config)) Config {
	cfg := DefaultConfig()
	cfg.Channels = []Channel{{Name: "main", Secrets: []string{"s"}, AccessToken: "t"}}
	if f != nil {
		f(&cfg)
	}
	return cfg
}

func TestLoadConfig(t *testing.T) {
	lineEnv := []string{"LINE_CHANNEL_SECRET=s", "LINE_CHANNEL_ACCESS_TOKEN=t"}
	tests := []struct {
		name  string
		file  string // "" for none
		env   []string
		flags map[string]string
		base  *Config
		want  Config
	}{
		{name: "the environment alone makes the channel main", env: lineEnv, want: with(nil)},
		{
			name: "two secrets and a channel ID in the environment",
			env:  []string{"LINE_CHANNEL_SECRET=s1, s2", "LINE_CHANNEL_ID=1234"},
			want: with(func(c *Config) {
				c.Channels = []Channel{{Name: "main", Secrets: []string{"s1", "s2"}, ID: "1234"}}
			}),
		},
		{name: "an empty file", file: "\n", env: lineEnv, want: with(nil)},
		{name: "sections without keys", file: "tls:\nnats:\nchannels:\n", env: lineEnv, want: with(nil)},
		{
			name: "the file goes before the defaults",
			file: "listen: \":1\"\nhandler:\n  timeout: 30s\n  max_attempts: 3\ninbox: {max_bytes: 64MiB, keep: 2d}\n" + oneChannel,
			want: with(func(c *Config) {
				c.Listen, c.Handler.Timeout, c.Handler.MaxAttempts = ":1", 30*time.Second, 3
				c.Inbox = Store{MaxBytes: 64 << 20, Keep: 48 * time.Hour}
			}),
		},
		{
			name: "the environment goes before the file",
			file: "listen: \":1\"\nhandler: {timeout: 30s}\n" + oneChannel,
			env:  []string{"FRONTDESK_LISTEN=:2", "FRONTDESK_HANDLER_TIMEOUT=40s", "FRONTDESK_INBOX_MAX_BYTES=33554432"},
			want: with(func(c *Config) { c.Listen, c.Handler.Timeout, c.Inbox.MaxBytes = ":2", 40*time.Second, 32<<20 }),
		},
		{
			name:  "flags go before the environment",
			file:  "listen: \":1\"\n" + oneChannel,
			env:   []string{"FRONTDESK_LISTEN=:2", "FRONTDESK_DRAIN=1s"},
			flags: map[string]string{"listen": ":3"},
			want:  with(func(c *Config) { c.Listen, c.Drain = ":3", time.Second }),
		},
		{
			name:  "an empty flag goes before what others set",
			file:  "internal_listen: \":1\"\n" + oneChannel,
			flags: map[string]string{"internal_listen": ""},
			want:  with(nil),
		},
		{name: "an empty variable is not set", file: "listen: \":1\"\n" + oneChannel, env: []string{"FRONTDESK_LISTEN="},
			want: with(func(c *Config) { c.Listen = ":1" })},
		{name: "PORT sets the port", env: append(lineEnv, "PORT=5000"), want: with(func(c *Config) { c.Listen = ":5000" })},
		{name: "PORT keeps the host of the defaults", env: append(lineEnv, "PORT=5000"),
			base: &Config{Listen: "127.0.0.1:8080"},
			want: Config{Listen: "127.0.0.1:5000", Channels: with(nil).Channels}},
		{name: "PORT goes behind the file", file: "listen: \":1\"\n" + oneChannel, env: []string{"PORT=5000"},
			want: with(func(c *Config) { c.Listen = ":1" })},
		{name: "PORT goes behind its variable", env: append(lineEnv, "PORT=5000", "FRONTDESK_LISTEN=:2"),
			want: with(func(c *Config) { c.Listen = ":2" })},
		{name: "PORT goes behind the flag", env: append(lineEnv, "PORT=5000"), flags: map[string]string{"listen": ":3"},
			want: with(func(c *Config) { c.Listen = ":3" })},
		{
			name: "several channels, with values that look like numbers",
			file: "channels:\n  - {name: main, secrets: 0123, access_token: 1e10}\n" +
				"  - {name: shop, secrets: [a, b], id: 0012, bot: parrot, reply_rate: 0.5, push_rate: 100}\n",
			want: with(func(c *Config) {
				c.Channels = []Channel{
					{Name: "main", Secrets: []string{"0123"}, AccessToken: "1e10"},
					{Name: "shop", Secrets: []string{"a", "b"}, ID: "0012", Bot: "parrot", ReplyRate: 0.5, PushRate: 100},
				}
			}),
		},
		{
			name: "the environment goes before the file's channel main",
			file: "channels:\n  - {name: main, secrets: old, access_token: old, bot: parrot}\n",
			env:  lineEnv,
			want: with(func(c *Config) { c.Channels[0].Bot = "parrot" }),
		},
		{name: "variables of others", env: append(lineEnv, "HOME=/", "FRONTDESK_BENCH=1"), want: with(nil)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := Sources{Environ: tt.env, Flags: tt.flags, Base: tt.base, OtherEnv: []string{"FRONTDESK_BENCH"}}
			if tt.file != "" {
				src.File = writeConfig(t, tt.file)
			}
			got, err := LoadConfig(src)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("configuration (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLoadConfigFaults(t *testing.T) {
	tests := []struct {
		name  string
		file  string
		env   []string
		flags map[string]string
		want  []string // one for each line of the error
	}{
		{
			name: "unknown keys with the nearest known ones",
			file: "lisen: x\nhandler:\n  time_out: 1s\n  frobnicate: 1\ntypo:\n  deep: 1\n" + oneChannel,
			want: []string{
				"frontdesk.yaml:1: lisen: unknown key; did you mean listen?",
				"frontdesk.yaml:3: handler.time_out: unknown key; did you mean handler.timeout?",
				"frontdesk.yaml:4: handler.frobnicate: unknown key",
				"frontdesk.yaml:5: typo: unknown key",
			},
		},
		{
			name: "unknown keys of a channel",
			file: "channels:\n  - name: main\n    secret: s\n    secrets: [s]\n    access_token: t\n",
			want: []string{"frontdesk.yaml:3: channels: secret: unknown key; did you mean secrets?"},
		},
		{
			name: "unknown variables", file: oneChannel,
			env:  []string{"FRONTDESK_HANDLER_TIMEOUTS=1s", "FRONTDESK_X=1"},
			want: []string{"FRONTDESK_HANDLER_TIMEOUTS: unknown variable; did you mean FRONTDESK_HANDLER_TIMEOUT?", "FRONTDESK_X: unknown variable"},
		},
		{
			name: "values that cannot be read, of all sources",
			file: "drain: 20\ninbox: {max_bytes: lots}\n" + oneChannel,
			env:  []string{"FRONTDESK_HANDLER_MAX_ATTEMPTS=3.5"}, flags: map[string]string{"profile_age": "soon", "nosuch": "1"},
			want: []string{
				`frontdesk.yaml:1: drain: "20" is not a duration such as 20s, 5m, 12h or 7d`,
				`frontdesk.yaml:2: inbox.max_bytes: "lots" is not a size such as 512MiB or 1GiB, or a number of bytes`,
				`FRONTDESK_HANDLER_MAX_ATTEMPTS: handler.max_attempts: "3.5" is not a whole number`,
				`nosuch: unknown key`,
				`--profile-age: profile_age: "soon" is not a duration such as 20s, 5m, 12h or 7d`,
			},
		},
		{
			name: "the wrong shape",
			file: "listen: [a]\nhandler: 5\nchannels:\n  - x\n  - {name: main, secrets: {a: b}, access_token: [t]}\n",
			want: []string{
				"frontdesk.yaml:1: listen: it wants one value",
				"frontdesk.yaml:2: handler: it holds keys, not a value",
				"frontdesk.yaml:4: channels: an entry is a list of keys and values, beginning with '- name:'",
				"frontdesk.yaml:5: channels: secrets: a list of texts is wanted",
				"frontdesk.yaml:5: channels: access_token: it wants one value",
				"channels[0] (main): secrets: none",
				"channels[0] (main): access_token or id is needed to send",
			},
		},
		{
			name: "a channel's choices",
			file: "handler: {button_after: 50s}\nchannels:\n  - {name: main, secrets: s, id: 1, prefer: both, over_quota: wait, slow_answer: later, " +
				"button_text: " + strings.Repeat("長", 161) + ", button_label: " + strings.Repeat("長", 21) + "}\n",
			want: []string{
				"handler.button_after: at most 49s",
				"channels[0] (main): prefer must be once or delivered",
				"channels[0] (main): over_quota must be hold or drop",
				"channels[0] (main): slow_answer must be push or button",
				"channels[0] (main): button_text: at most 160 characters",
				"channels[0] (main): button_label: at most 20 characters",
			},
		},
		{name: "a key twice", file: "drain: 1s\ndrain: 2s\n" + oneChannel, want: []string{"frontdesk.yaml:2: drain: it stands here twice"}},
		{name: "an alias", file: "listen: &a x\ndata: *a\n" + oneChannel, want: []string{"frontdesk.yaml:2: anchors, aliases"}},
		{name: "no YAML", file: "a: [", env: []string{"LINE_CHANNEL_SECRET=s", "LINE_CHANNEL_ID=1"}, want: []string{"frontdesk.yaml: yaml: "}},
		{name: "not keys and values", file: "- a\n", env: []string{"LINE_CHANNEL_SECRET=s", "LINE_CHANNEL_ID=1"},
			want: []string{"frontdesk.yaml: not a list of keys and values"}},
		{name: "no channel", want: []string{"channels: none; set LINE_CHANNEL_SECRET and LINE_CHANNEL_ACCESS_TOKEN"}},
		{name: "a secret alone", env: []string{"LINE_CHANNEL_SECRET=s"}, want: []string{"channels[0] (main): access_token or id is needed"}},
		{name: "a token alone", env: []string{"LINE_CHANNEL_ACCESS_TOKEN=t"}, want: []string{"channels[0] (main): secrets: none"}},
		{
			name: "variables for a channel that the file does not list",
			file: "channels:\n  - {name: shop, secrets: s, id: 1}\n", env: []string{"LINE_CHANNEL_SECRET=s"},
			want: []string{`LINE_CHANNEL_…: these variables describe the channel "main"`},
		},
		{name: "PORT that is none", file: oneChannel, env: []string{"PORT=http"}, want: []string{`PORT: "http" is not a port number`}},
		{
			name: "faults of reading and of checking together",
			file: "tls: {cert: c}\nlisen: x\n" + oneChannel,
			want: []string{"frontdesk.yaml:2: lisen: unknown key", "tls: cert and key belong together"},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			src := Sources{Environ: tt.env, Flags: tt.flags}
			if tt.file != "" {
				src.File = writeConfig(t, tt.file)
			}
			_, err := LoadConfig(src)
			if err == nil {
				t.Fatal("no error")
			}
			got := strings.Split(err.Error(), "\n")
			if len(got) != len(tt.want) {
				t.Fatalf("got %d faults, want %d:\n%v", len(got), len(tt.want), err)
			}
			for i := range got {
				if !strings.HasPrefix(got[i], tt.want[i]) {
					t.Errorf("fault %d: got %q, want it to begin with %q", i, got[i], tt.want[i])
				}
			}
		})
	}
}

func TestLoadConfigFile(t *testing.T) {
	name := writeConfig(t, "listen: \":1\"\n"+oneChannel)
	env := []string{"FRONTDESK_CONFIG=" + name}
	tests := []struct {
		name string
		src  Sources
		want string // listen
		err  string // part of it
	}{
		{"named by its variable", Sources{Environ: env}, ":1", ""},
		{"left out", Sources{Environ: env, NoFile: true, NoChannels: true}, ":8080", ""},
		{"missing", Sources{File: name + "x"}, ":8080", "configuration file: stat"},
		{"no channels are asked for", Sources{NoChannels: true}, ":8080", ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cfg, err := LoadConfig(tt.src)
			if tt.err == "" && err != nil || tt.err != "" && (err == nil || !strings.Contains(err.Error(), tt.err)) {
				t.Fatalf("got error %v, want %q", err, tt.err)
			}
			if cfg.Listen != tt.want {
				t.Errorf("got listen %q, want %q", cfg.Listen, tt.want)
			}
			if tt.src.NoChannels && cfg.Channels != nil {
				t.Errorf("got channels %v, want none", cfg.Channels)
			}
		})
	}
}

func TestLoadConfigExtra(t *testing.T) {
	var bot, level, color string
	extra := []Setting{
		{Key: "bot", Into: &bot}, {Key: "log.level", Into: &level, Default: "info"}, {Key: "log.color", Into: &color, Default: "no"},
	}
	_, err := LoadConfig(Sources{
		File: writeConfig(t, "bot: parrot\nlog:\n  level: warn\n"), Extra: extra, NoChannels: true,
		Environ: []string{"FRONTDESK_LOG_LEVEL=debug"},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := []string{bot, level, color}, []string{"parrot", "debug", "no"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestSettingsAreComplete compares the table with the fields of Config.
func TestSettingsAreComplete(t *testing.T) {
	var fields []string
	var walk func(typ reflect.Type, prefix string)
	walk = func(typ reflect.Type, prefix string) {
		for f := range typ.Fields() {
			key := prefix + f.Tag.Get("koanf")
			switch {
			case f.Tag.Get("koanf") == "-", key == channelsKey:
			case f.Tag.Get("koanf") == "":
				t.Errorf("field %s has no key", f.Name)
			case f.Type.Kind() == reflect.Struct:
				walk(f.Type, key+".")
			default:
				fields = append(fields, key)
			}
		}
	}
	keysOf := func(settings []Setting) (keys []string) {
		for _, s := range settings {
			keys = append(keys, s.Key)
		}
		slices.Sort(keys)
		return keys
	}
	walk(reflect.TypeFor[Config](), "")
	slices.Sort(fields)
	if diff := cmp.Diff(fields, keysOf(Settings())); diff != "" {
		t.Errorf("settings (-fields +table):\n%s", diff)
	}
	fields = nil
	walk(reflect.TypeFor[Channel](), "")
	slices.Sort(fields)
	if diff := cmp.Diff(fields, keysOf(channelSettings())); diff != "" {
		t.Errorf("settings of a channel (-fields +table):\n%s", diff)
	}
}

// TestSettingDefaults sets every setting to the default that it shows.
func TestSettingDefaults(t *testing.T) {
	flags := map[string]string{}
	for _, s := range Settings() {
		flags[s.Key] = s.Default
	}
	got, err := LoadConfig(Sources{Flags: flags, Base: &Config{}, NoChannels: true})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(DefaultConfig(), got); diff != "" {
		t.Errorf("defaults (-want +shown):\n%s", diff)
	}
}

func TestConfigTemplate(t *testing.T) {
	var bot string
	extra := Setting{Key: "log.level", Into: &bot, Default: "info", Usage: "how much is logged"}
	text := ConfigTemplate(extra)
	load := func(text string) (Config, error) {
		return LoadConfig(Sources{File: writeConfig(t, text), NoChannels: true, Extra: []Setting{extra}})
	}
	got, err := load(text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(DefaultConfig(), got); diff != "" {
		t.Errorf("the template as it is (-want +got):\n%s", diff)
	}
	var active []string
	for line := range strings.Lines(text) {
		key := strings.TrimPrefix(strings.TrimLeft(line, " "), "# ")
		name, _, isKey := strings.Cut(key, ":")
		if isKey && !strings.ContainsAny(name, " ;") && name == strings.ToLower(name) {
			line = strings.Replace(line, "# ", "", 1)
		}
		active = append(active, line)
	}
	text = strings.Join(active, "")
	if strings.Contains(text, "# listen") || !strings.Contains(text, "\n  timeout: 5m\n") {
		t.Fatalf("the keys were not made active:\n%s", text)
	}
	if got, err = load(text); err != nil {
		t.Fatalf("%v in\n%s", err, text)
	}
	if diff := cmp.Diff(DefaultConfig(), got); diff != "" {
		t.Errorf("the template with its keys made active (-want +got):\n%s", diff)
	}
}

// TestConfigTemplateChannels makes the part of the channels active.
func TestConfigTemplateChannels(t *testing.T) {
	_, text, found := strings.Cut(ConfigTemplate(), "\n# channels:")
	if !found {
		t.Fatal("no channels in the template")
	}
	text = "channels:" + strings.ReplaceAll(text, "\n# ", "\n")
	_, err := LoadConfig(Sources{File: writeConfig(t, text)})
	want := "channels[0] (): name must be 1 to 32 letters, digits, '-' or '_'\n" +
		"channels[0] (): secrets: none; the channel secret is on the Basic settings page of the LINE Developers Console\n" +
		"channels[0] (): access_token or id is needed to send"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want the faults of an empty channel in\n%s", err, text)
	}
}

func TestParseDuration(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"20s", 20 * time.Second, true}, {"1h30m", 90 * time.Minute, true}, {"7d", 7 * day, true}, {"0", 0, true},
		{"-1s", -time.Second, true}, {"-2d", -2 * day, true},
		{"20", 0, false}, {"", 0, false}, {"d", 0, false}, {"1.5d", 0, false}, {"99999999d", 0, false},
	}
	for _, tt := range tests {
		got, err := parseDuration(tt.text)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("parseDuration(%q): got %v, %v, want %v", tt.text, got, err, tt.want)
		}
		if back, err := parseDuration(formatDuration(got)); tt.ok && (err != nil || back != got) {
			t.Errorf("parseDuration(formatDuration(%v)): got %v, %v", got, back, err)
		}
	}
}

func TestParseSize(t *testing.T) {
	tests := []struct {
		text string
		want int64
		ok   bool
	}{
		{"0", 0, true}, {"1024", 1024, true}, {"1KiB", 1 << 10, true}, {"3 MiB", 3 << 20, true}, {"2GiB", 2 << 30, true},
		{"-1", 0, false}, {"1GB", 0, false}, {"1.5GiB", 0, false}, {"GiB", 0, false}, {"9999999999999GiB", 0, false},
	}
	for _, tt := range tests {
		got, err := parseSize(tt.text)
		if got != tt.want || (err == nil) != tt.ok {
			t.Errorf("parseSize(%q): got %v, %v, want %v", tt.text, got, err, tt.want)
		}
		if back, err := parseSize(formatSize(got)); tt.ok && (err != nil || back != got) {
			t.Errorf("parseSize(formatSize(%v)): got %v, %v", got, back, err)
		}
	}
}

func TestSuggest(t *testing.T) {
	known := []string{"listen", "data", "handler.timeout"}
	tests := []struct{ name, want string }{
		{"lisen", "listen"}, {"listne", "listen"}, {"handler.time_out", "handler.timeout"}, {"dat", "data"},
		{"x", ""}, {"", ""}, {"completely.else", ""},
	}
	for _, tt := range tests {
		want := ""
		if tt.want != "" {
			want = "; did you mean " + tt.want + "?"
		}
		if got := suggest(tt.name, known); got != want {
			t.Errorf("suggest(%q): got %q, want %q", tt.name, got, want)
		}
	}
}

// FuzzConfigFile reads any file: it must end in a configuration or in faults
// that name the file.
func FuzzConfigFile(f *testing.F) {
	for _, text := range []string{oneChannel, "a: &a [*a]\n", "<<: {}\n", "listen: !!binary x\n", "? [a]\n: b\n", "handler: {timeout: ~}\n", "%", "a: b: c"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		name := filepath.Join(t.TempDir(), "f.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		cfg, err := LoadConfig(Sources{File: name, Environ: []string{"LINE_CHANNEL_SECRET=s", "LINE_CHANNEL_ID=1"}})
		if err == nil && cfg.Check() != nil {
			t.Errorf("loaded what Check refuses: %v", cfg.Check())
		}
	})
}
