package main

import (
	"fmt"
	"io"
	"log/slog"

	"github.com/line-frontdesk/frontdesk/server"
)

// ownSettings are the settings that the commands add to those of the server.
type ownSettings struct {
	bot, logLevel, logFormat string
}

// table returns the settings, which write into o.
func (o *ownSettings) table(defaults ownSettings) []server.Setting {
	return []server.Setting{
		{Key: "bot", Arg: "BOT", Default: defaults.bot, Into: &o.bot,
			Usage: "bot of the channels that name none: " + botNames() +
				", exec:COMMAND or a URL for one in any language, or line:URL for an existing LINE bot by the URL of its webhook"},
		{Key: "log.level", Arg: "LEVEL", Default: defaults.logLevel, Into: &o.logLevel,
			Usage: "least important lines that are logged: debug, info, warn or error"},
		{Key: "log.format", Arg: "FORMAT", Default: defaults.logFormat, Into: &o.logFormat,
			Usage: "form of log lines: text (key=value), json, or short for people"},
	}
}

// newLogger returns the logger that the settings ask for.
func (o *ownSettings) newLogger(w io.Writer) (*slog.Logger, error) {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, fmt.Errorf("log.level: %q is not debug, info, warn or error", o.logLevel)
	}
	switch o.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{Level: level})), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, &slog.HandlerOptions{Level: level})), nil
	case "short":
		return slog.New(newShortHandler(w, level)), nil
	}
	return nil, fmt.Errorf("log.format: %q is not text, json or short", o.logFormat)
}
