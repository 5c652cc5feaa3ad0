package server

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/knadh/koanf/providers/confmap"
	"github.com/knadh/koanf/v2"
)

const (
	envPrefix = "FRONTDESK_"
	envConfig = "FRONTDESK_CONFIG" // names the file
	envPort   = "PORT"             // set by many platforms

	// mainChannel is the name of the channel that the LINE_ variables describe.
	mainChannel = "main"
)

// Sources are where LoadConfig looks. Later ones win: Base, the file, the
// environment, Flags.
type Sources struct {
	// Base holds the defaults; nil for DefaultConfig.
	Base *Config
	// File is a YAML file; "" for the one that FRONTDESK_CONFIG names, or none.
	File string
	// NoFile leaves out the file, also the one that FRONTDESK_CONFIG names.
	NoFile bool
	// Environ is the environment as os.Environ returns it. Each setting has a
	// variable, see Setting.Env; an unknown FRONTDESK_ variable is a fault.
	// LINE_CHANNEL_SECRET (several, while it is being replaced, with commas)
	// and LINE_CHANNEL_ACCESS_TOKEN or LINE_CHANNEL_ID make the channel
	// "main". PORT sets the port of listen when nothing else sets listen.
	Environ []string
	// Flags are values from the command line, by the key of their setting.
	Flags map[string]string

	// Extra are settings of the program's own, read from the same places.
	Extra []Setting
	// OtherEnv are the FRONTDESK_ variables that the program reads itself.
	OtherEnv []string
	// NoChannels is for programs that bring their own channels: none is read
	// and none is asked for.
	NoChannels bool
}

// LoadConfig gathers the configuration and checks it. The error names all
// faults at once, each with its key and the place it came from.
func LoadConfig(src Sources) (Config, error) {
	l := loader{src: src, settings: map[string]Setting{}, env: map[string]string{}, k: koanf.New(".")}
	for _, s := range slices.Concat(Settings(), src.Extra) {
		l.settings[s.Key] = s
	}
	for _, pair := range src.Environ {
		name, value, _ := strings.Cut(pair, "=")
		l.env[name] = value
	}
	cfg := DefaultConfig()
	if src.Base != nil {
		cfg = *src.Base
	}
	l.merge(l.file())
	l.merge(l.environment())
	l.merge(l.flags())
	l.decode(&cfg)
	l.port(&cfg)
	if src.NoChannels {
		cfg.Channels = []Channel{{Name: mainChannel, Secrets: []string{"-"}, AccessToken: "-"}} // only for Check
	} else {
		l.lineChannel(&cfg)
	}
	err := errors.Join(append(l.faults, cfg.Check())...)
	if src.NoChannels {
		cfg.Channels = nil
	}
	return cfg, err
}

// value is the text of a setting and where it was found.
type value struct{ text, where string }

// loader gathers one configuration.
type loader struct {
	src      Sources
	settings map[string]Setting // by key
	env      map[string]string
	k        *koanf.Koanf
	faults   []error
}

func (l *loader) fault(where, format string, args ...any) {
	l.faults = append(l.faults, fmt.Errorf("%s: %w", where, fmt.Errorf(format, args...)))
}

// merge parses a layer of values and lays it over those before it.
func (l *loader) merge(layer map[string]value, lists map[string]any) {
	typed := map[string]any{}
	for key, list := range lists {
		typed[key] = list
	}
	for _, key := range sortedKeys(layer) {
		v := layer[key]
		parsed, err := l.settings[key].parse(v.text)
		if err != nil {
			l.fault(v.where, "%w", err)
			continue
		}
		typed[key] = parsed
	}
	if err := l.k.Load(confmap.Provider(typed, "."), nil); err != nil {
		l.fault("configuration", "%w", err) // unreachable: the values are parsed
	}
}

// decode writes the merged values into cfg and the extra settings.
func (l *loader) decode(cfg *Config) {
	if err := l.k.Unmarshal("", cfg); err != nil {
		l.fault("configuration", "%w", err) // unreachable: the values are parsed
	}
	for _, s := range l.src.Extra {
		if s.Into == nil {
			continue
		}
		*s.Into = s.Default
		if l.k.Exists(s.Key) {
			*s.Into = l.k.String(s.Key)
		}
	}
}

// environment reads the FRONTDESK_ variables.
func (l *loader) environment() (map[string]value, map[string]any) {
	keys := map[string]string{} // by variable
	for key, s := range l.settings {
		keys[s.Env()] = key
	}
	layer := map[string]value{}
	for _, name := range sortedKeys(l.env) {
		key, known := keys[name]
		switch {
		case known && l.env[name] != "": // an empty variable is one that is not set
			layer[key] = value{l.env[name], name}
		case known, name == envConfig, !strings.HasPrefix(name, envPrefix), slices.Contains(l.src.OtherEnv, name):
		default:
			l.fault(name, "unknown variable%s", suggest(name, sortedKeys(keys)))
		}
	}
	return layer, nil
}

// flags takes the values from the command line.
func (l *loader) flags() (map[string]value, map[string]any) {
	layer := map[string]value{}
	for _, key := range sortedKeys(l.src.Flags) {
		s, ok := l.settings[key]
		if !ok {
			l.fault(key, "unknown key%s", suggest(key, sortedKeys(l.settings)))
			continue
		}
		layer[key] = value{l.src.Flags[key], "--" + s.Flag()}
	}
	return layer, nil
}

// port lets PORT choose the port when nothing else chose the address.
func (l *loader) port(cfg *Config) {
	port := l.env[envPort]
	if port == "" || l.k.Exists("listen") {
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		l.fault(envPort, "%q is not a port number", port)
		return
	}
	host, _, _ := net.SplitHostPort(cfg.Listen) // the default is an address
	cfg.Listen = net.JoinHostPort(host, port)
}

// lineChannel makes or completes the channel that the LINE_ variables
// describe.
func (l *loader) lineChannel(cfg *Config) {
	secret, token, id := l.env["LINE_CHANNEL_SECRET"], l.env["LINE_CHANNEL_ACCESS_TOKEN"], l.env["LINE_CHANNEL_ID"]
	if secret == "" && token == "" && id == "" {
		return
	}
	i := slices.IndexFunc(cfg.Channels, func(ch Channel) bool { return ch.Name == mainChannel })
	switch {
	case i < 0 && len(cfg.Channels) > 0:
		l.fault("LINE_CHANNEL_…", "these variables describe the channel %q, which the file does not list; unset them, or give a channel that name", mainChannel)
		return
	case i < 0:
		cfg.Channels = []Channel{{Name: mainChannel}}
		i = 0
	}
	ch := &cfg.Channels[i]
	if secret != "" {
		ch.Secrets = nil
		for part := range strings.SplitSeq(secret, ",") {
			ch.Secrets = append(ch.Secrets, strings.TrimSpace(part))
		}
	}
	setUnlessEmpty(&ch.AccessToken, token)
	setUnlessEmpty(&ch.ID, id)
}

func setUnlessEmpty(field *string, text string) {
	if text != "" {
		*field = text
	}
}
