package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"
)

const (
	// stdinName stands for standard input where a file is named.
	stdinName = "-"
	// maxMessageFile bounds a file of messages, in bytes.
	maxMessageFile = 1 << 20

	audienceUsers     = "users"
	audienceAll       = "all"
	audienceBroadcast = "broadcast"
)

// audienceFlags are the flags that name an audience.
type audienceFlags struct {
	to        []string
	file      string
	all       bool
	broadcast bool
	spooled   *os.File // what standard input held; nil for nothing
}

func (a *audienceFlags) add(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&a.to, "to", nil, "user, group or room to send to; may be repeated")
	f.StringVar(&a.file, "to-file", "", "file with users to send to, one ID a line; - is standard input")
	f.BoolVar(&a.all, "to-all", false, "send to all friends that the directory knows")
	f.BoolVar(&a.broadcast, "broadcast", false, "send to all friends, by LINE's broadcast")
}

// choose returns the audience.
func (a *audienceFlags) choose() (audience string, to []string, err error) {
	var chosen []string
	for _, one := range []struct {
		given    bool
		audience string
	}{{len(a.to) > 0, audienceUsers}, {a.file != "", audienceUsers}, {a.all, audienceAll}, {a.broadcast, audienceBroadcast}} {
		if one.given {
			chosen = append(chosen, one.audience)
		}
	}
	if len(chosen) != 1 {
		return "", nil, usageErrorf("name one audience: --to, --to-file, --to-all or --broadcast")
	}
	return chosen[0], a.to, nil
}

// spool keeps standard input where it is the list: it is read twice.
func (a *audienceFlags) spool(in io.Reader) error {
	if a.file != stdinName {
		return nil
	}
	f, err := os.CreateTemp("", "frontdesk-users-*")
	if err != nil {
		return fmt.Errorf("keep the list of users: %w", err)
	}
	a.spooled = f
	if _, err := io.Copy(f, in); err != nil {
		a.close()
		return fmt.Errorf("keep the list of users: %w", err)
	}
	return nil
}

// open returns the list of users from its beginning, nil for none.
func (a *audienceFlags) open() (io.ReadCloser, error) {
	switch {
	case a.spooled != nil:
		if _, err := a.spooled.Seek(0, io.SeekStart); err != nil {
			return nil, fmt.Errorf("read the list of users: %w", err)
		}
		return io.NopCloser(a.spooled), nil
	case a.file != "":
		f, err := os.Open(a.file)
		if err != nil {
			return nil, fmt.Errorf("--to-file: %w", err)
		}
		return f, nil
	}
	return nil, nil
}

func (a *audienceFlags) close() {
	if a.spooled != nil {
		a.spooled.Close()
		os.Remove(a.spooled.Name()) // what stays is in the folder for it
	}
}

// readMessages returns the messages of --message or --message-file. What they
// must look like is the server's to check.
func readMessages(in io.Reader, texts []string, file string) (messages []json.RawMessage, err error) {
	if (len(texts) > 0) == (file != "") {
		return nil, usageErrorf("say what to send: --message, or --message-file")
	}
	for _, text := range texts {
		raw, err := json.Marshal(struct {
			Type string `json:"type"`
			Text string `json:"text"`
		}{"text", text})
		if err != nil { // unreachable: strings
			return nil, err
		}
		messages = append(messages, raw)
	}
	if file == "" {
		return messages, nil
	}
	if file != stdinName {
		f, err := os.Open(file)
		if err != nil {
			return nil, fmt.Errorf("--message-file: %w", err)
		}
		defer f.Close()
		in = f
	}
	data, err := io.ReadAll(io.LimitReader(in, maxMessageFile+1))
	if err == nil && len(data) > maxMessageFile {
		err = fmt.Errorf("more than %d bytes", maxMessageFile)
	}
	if err == nil {
		messages, err = parseMessages(data)
	}
	if err != nil {
		return nil, fmt.Errorf("--message-file %s: %w", file, err)
	}
	return messages, nil
}

// parseMessages reads a message object, or a list of them.
func parseMessages(data []byte) ([]json.RawMessage, error) {
	if !json.Valid(data) {
		var v any
		err := json.Unmarshal(data, &v)
		if fault, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, fmt.Errorf("not JSON: %w, at byte %d", err, fault.Offset)
		}
		return nil, errors.New("not JSON")
	}
	var list []json.RawMessage
	if json.Unmarshal(data, &list) == nil {
		return list, nil
	}
	return []json.RawMessage{data}, nil
}
