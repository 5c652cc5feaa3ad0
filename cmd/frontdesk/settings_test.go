package main

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/slogtest"
	"time"
)

func TestShortHandler(t *testing.T) {
	var out bytes.Buffer
	lg := slog.New(newShortHandler(&out, slog.LevelInfo)).With("channel", "main").WithGroup("g")
	lg.Debug("not this")
	lg.Info("started", "listen", ":8080")
	lg.Warn("handler failed", "error", errors.New("no luck"), slog.Group("at", "try", 2), "empty", "")
	want := []string{
		` started channel=main g.listen=:8080`,
		` WARN handler failed channel=main g.error="no luck" g.at.try=2 g.empty=""`,
	}
	got := strings.Split(strings.TrimSpace(out.String()), "\n")
	if len(got) != len(want) {
		t.Fatalf("got %d lines, want %d:\n%s", len(got), len(want), &out)
	}
	for i, line := range got {
		stamp, rest := line[:len(time.TimeOnly)], line[len(time.TimeOnly):]
		if _, err := time.Parse(time.TimeOnly, stamp); err != nil || rest != want[i] {
			t.Errorf("line %d: got %q, want a time and %q", i, line, want[i])
		}
	}
}

// TestShortHandlerContract runs the standard library's tests of handlers, as
// far as they ask for what a line for people shows.
func TestShortHandlerContract(t *testing.T) {
	var out bytes.Buffer
	slogtest.Run(t, func(t *testing.T) slog.Handler {
		if strings.Contains(t.Name(), "zero-time") {
			t.Skip("lines always show a time")
		}
		out.Reset()
		return newShortHandler(&out, slog.LevelDebug)
	}, func(t *testing.T) map[string]any { return parseShort(out.String()) })
}

// parseShort reads a line back.
func parseShort(line string) map[string]any {
	m := map[string]any{slog.TimeKey: line[:len(time.TimeOnly)], slog.LevelKey: "INFO"}
	for i, word := range strings.Fields(line[len(time.TimeOnly):]) {
		key, value, isAttr := strings.Cut(word, "=")
		if !isAttr {
			if i == 0 {
				m[slog.MessageKey] = word
			}
			continue
		}
		group := m
		for name, rest, ok := strings.Cut(key, "."); ok; name, rest, ok = strings.Cut(rest, ".") {
			if group[name] == nil {
				group[name] = map[string]any{}
			}
			group, key = group[name].(map[string]any), rest
		}
		group[key] = value
	}
	return m
}

func TestNewLogger(t *testing.T) {
	tests := []struct {
		level, format string
		want          string // beginning of a warning, "" for an error
	}{
		{"info", "text", "time="}, {"warn", "json", `{"time"`}, {"debug", "short", ""},
		{"loud", "text", "log.level"}, {"info", "xml", "log.format"},
	}
	for _, tt := range tests {
		var out bytes.Buffer
		lg, err := (&ownSettings{logLevel: tt.level, logFormat: tt.format}).newLogger(&out)
		if err != nil {
			if !strings.HasPrefix(err.Error(), tt.want) {
				t.Errorf("%s %s: got error %v, want one about %s", tt.level, tt.format, err, tt.want)
			}
			continue
		}
		lg.Warn("x")
		if !strings.HasPrefix(out.String(), tt.want) || out.Len() == 0 {
			t.Errorf("%s %s: got line %q, want it to begin with %q", tt.level, tt.format, &out, tt.want)
		}
	}
}

// TestPrintable shows hostile text.
func TestPrintable(t *testing.T) {
	tests := []struct{ name, text, want, line string }{
		{"plain", "花子 👨‍👩‍👧", "花子 👨‍👩‍👧", "花子 👨‍👩‍👧"},
		{"escape sequence", "a\x1b[31mb\a", "a�[31mb�", "a�[31mb�"},
		{"C1 control", "a\u009bb", "a�b", "a�b"},
		{"line breaks", "a\n\tb\r", "a\n\tb�", "a b�"},
	}
	for _, tt := range tests {
		if got := printable(tt.text); got != tt.want {
			t.Errorf("%s: printable: got %q, want %q", tt.name, got, tt.want)
		}
		if got := oneLine(tt.text); got != tt.line {
			t.Errorf("%s: oneLine: got %q, want %q", tt.name, got, tt.line)
		}
	}
}

// TestEnvironmentTwins checks that every flag that says how a command runs has
// a variable, and that nothing else has.
func TestEnvironmentTwins(t *testing.T) {
	var out bytes.Buffer
	code := run([]string{"sim", "--help"}, nil, &out, &out, []string{"FRONTDESK_LISTEN=x"})
	if code != exitOK {
		t.Fatalf("exit code %d: %s", code, &out)
	}
	out.Reset()
	env := []string{"FRONTDESK_URL=http://127.0.0.1:1/here", "FRONTDESK_TEXT=not this", "FRONTDESK_PRINT=true"}
	if code := run([]string{"trigger", "--print"}, nil, &out, &out, env); code != exitOK {
		t.Fatalf("exit code %d: %s", code, &out)
	}
	if got := out.String(); !strings.Contains(got, "POST http://127.0.0.1:1/here") || strings.Contains(got, "not this") {
		t.Errorf("got %s", got)
	}
}
