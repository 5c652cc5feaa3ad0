package worker

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os/exec"
	"strings"

	"github.com/line-frontdesk/frontdesk"
)

const (
	execScheme = "exec:"

	// defaultInFlight keeps a process busy while the answers to what it has are
	// on their way, and leaves little behind a slow event.
	defaultInFlight = 64
)

// Config is what a bot needs. Fields that only one way uses say so.
type Config struct {
	Name      string // of the bot in logs and metrics; not its address, which may hold secrets
	Processes int    // of a pipe; default 1
	InFlight  int    // events at once, for each process or by HTTP; default 64
	Secret    string // by HTTP: signs what is posted; "" for no signature

	// Environ is what the processes of a pipe may know, as os.Environ returns it.
	// What is named FRONTDESK_… or LINE_… is left out, and what holds one of the
	// Secrets.
	Environ []string
	Secrets []string

	Logger  *slog.Logger
	Metrics *Metrics
}

// Known reports whether a name is the address of a bot: exec: and a command
// line, or a URL. Other names are left to others.
func Known(address string) bool {
	return strings.HasPrefix(address, execScheme) || isURL(address)
}

func isURL(address string) bool {
	return strings.HasPrefix(address, "http://") || strings.HasPrefix(address, "https://")
}

// Check returns what is wrong with an address, nil for nothing.
func Check(address string) error {
	if isURL(address) {
		return checkURL(address)
	}
	_, err := command(address)
	return err
}

// New returns the bot at an address. Who calls it runs a [Pipe] as well.
func New(address string, cfg Config) (frontdesk.Handler, error) {
	cfg.Processes = cmp.Or(cfg.Processes, 1)
	cfg.InFlight = cmp.Or(cfg.InFlight, defaultInFlight)
	if isURL(address) {
		if err := checkURL(address); err != nil {
			return nil, err
		}
		return newHTTP(address, cfg), nil
	}
	words, err := command(address)
	if err != nil {
		return nil, err
	}
	return newPipe(words, cfg), nil
}

// checkURL leaves the address out of its errors: it may hold a password.
func checkURL(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return errors.New("bot: its address is not a URL such as https://bot.example/events")
	}
	if u.Fragment != "" {
		return errors.New("bot: a URL that is posted to has no #")
	}
	return nil
}

// command returns the words of an exec: address, the first of which is a
// program that can be run.
func command(address string) ([]string, error) {
	line, ok := strings.CutPrefix(address, execScheme)
	if !ok {
		return nil, errors.New("bot: its address begins with none of exec:, http:// and https://")
	}
	words, err := splitWords(line)
	if err != nil {
		return nil, fmt.Errorf("bot: exec: %w", err)
	}
	if len(words) == 0 {
		return nil, errors.New("bot: exec: needs a command line, such as 'exec:python3 bot.py'")
	}
	if _, err := exec.LookPath(words[0]); err != nil {
		if errors.Is(err, exec.ErrNotFound) {
			return nil, fmt.Errorf("bot: exec: there is no program %q in PATH; a file in the working directory is ./%[1]s", words[0])
		}
		return nil, fmt.Errorf("bot: exec: %w", err)
	}
	return words, nil
}
