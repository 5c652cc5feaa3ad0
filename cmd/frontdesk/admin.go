package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/line-frontdesk/frontdesk/server"
)

// timeLayout is how times are shown, in local time.
const timeLayout = "2006-01-02 15:04:05"

// pageRows is how many rows are asked for at once.
const pageRows = 500

// adminCommand is what the commands share that look after a data folder.
type adminCommand struct {
	env    *environment
	own    ownSettings
	flags  *settingFlags
	config string
	json   bool
}

// addFlags adds --data and its like.
func (a *adminCommand) addFlags(cmd *cobra.Command) {
	settings := pick(server.Settings(), "data", "nats.url")
	a.flags = addSettings(cmd, settings...)
	configFlag(cmd, &a.config)
	boolFlag(cmd, &a.json, "json", "print as JSON; lists as one object a line")
}

// open opens the data folder, through the server that runs on it if one does.
func (a *adminCommand) open(cmd *cobra.Command) (*server.Admin, error) {
	cfg, err := server.LoadConfig(server.Sources{
		File: a.config, NoChannels: true, Environ: a.env.list, OtherEnv: a.env.twins(),
		Flags: a.flags.given(), Extra: a.own.table(ownSettings{}),
	})
	if err != nil {
		return nil, err
	}
	cfg.Logger = slog.New(newShortHandler(cmd.ErrOrStderr(), slog.LevelWarn))
	admin, err := server.OpenAdmin(cmd.Context(), cfg)
	if err != nil && len(a.flags.given()) == 0 {
		if _, missing := os.Stat(filepath.Join(defaultDevData(), devMark)); missing == nil {
			err = fmt.Errorf("%w (that of 'frontdesk dev' is in %s)", err, defaultDevData())
		}
	}
	return admin, err
}

// with runs f on the opened data folder.
func (a *adminCommand) with(cmd *cobra.Command, f func(*server.Admin) error) error {
	admin, err := a.open(cmd)
	if err != nil {
		return err
	}
	return errors.Join(f(admin), admin.Close())
}

// printJSON prints one object on a line.
func printJSON(out io.Writer, v any) error { return json.NewEncoder(out).Encode(v) }

// printIndented prints one object for people.
func printIndented(out io.Writer, v any) error {
	enc := json.NewEncoder(out)
	enc.SetIndent("", "  ")
	return enc.Encode(v)
}

// printable returns text as it can be shown on a terminal: what users and
// handlers wrote must not be able to control it.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\n' && r != '\t' {
			return unicode.ReplacementChar
		}
		return r
	}, text)
}

// oneLine is printable text without line breaks.
func oneLine(text string) string { return strings.Join(strings.Fields(printable(text)), " ") }

func localTime(t time.Time) string {
	if t.IsZero() {
		return "-"
	}
	return t.Local().Format(timeLayout)
}

// dash stands for an empty text.
func dash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// limitFlag adds --limit.
func limitFlag(cmd *cobra.Command, into *int) {
	cmd.Flags().IntVar(into, "limit", 20, "rows at most; 0 for all")
}

// pageOf returns how many rows to ask for next: those that are missing from
// limit, 0 for all.
func pageOf(limit, have int) int {
	if limit <= 0 {
		return pageRows
	}
	return min(limit-have, pageRows)
}
