package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
)

// editorOf returns the command that edits a file.
func editorOf(env *environment) string { return cmp.Or(env.get("VISUAL"), env.get("EDITOR"), "vi") }

// editDocument lets the user change a document. An empty file sends nothing. What
// cannot be read is kept, so that it can be mended.
func (t *trigger) editDocument(ctx context.Context, doc fields) (fields, error) {
	text, err := json.MarshalIndent(doc, "", "  ")
	if err != nil {
		return nil, err
	}
	file, err := os.CreateTemp("", "frontdesk-event-*.json")
	if err != nil {
		return nil, fmt.Errorf("--edit: %w", err)
	}
	name := file.Name()
	_, err = file.Write(append(text, '\n'))
	if err = errors.Join(err, file.Close()); err == nil {
		err = t.runEditor(ctx, name)
	}
	if err == nil {
		text, err = os.ReadFile(name)
	}
	if err == nil && len(bytes.TrimSpace(text)) == 0 {
		err = errors.New("the file is empty, so nothing was sent")
	}
	if err != nil {
		return nil, fmt.Errorf("--edit: %w", errors.Join(err, os.Remove(name)))
	}
	if doc, err = parseDocument(text); err != nil {
		return nil, fmt.Errorf("--edit: %w; nothing was sent. What you wrote is in %s: mend it and send it with --raw", err, name)
	}
	return doc, os.Remove(name)
}

// runEditor edits a file by a command that may have arguments of its own.
func (t *trigger) runEditor(ctx context.Context, name string) error {
	cmd := exec.CommandContext(ctx, "sh", "-c", t.editor+` "$1"`, "sh", name)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = t.in, t.out, t.errOut
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s: %w; nothing was sent", t.editor, err)
	}
	return nil
}
