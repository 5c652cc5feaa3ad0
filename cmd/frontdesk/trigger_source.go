package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"time"
)

// maxRawBody bounds what --raw reads; the server takes 1 MiB.
const maxRawBody = 16 << 20

// triggerSource is what the webhooks are made of: a document, or bytes that are
// sent as they are.
type triggerSource struct {
	doc fields // nil for none
	raw []byte
}

// content returns an event or a whole body.
func (s triggerSource) content(now time.Time) ([]byte, error) {
	if s.doc == nil {
		return s.raw, nil
	}
	events, isBody := s.doc["events"].([]any)
	if !isBody {
		return json.Marshal(fillAuto(s.doc, now))
	}
	body := maps.Clone(s.doc)
	filled := make([]any, len(events))
	for i, ev := range events {
		filled[i] = ev
		if object, ok := ev.(fields); ok {
			filled[i] = fillAuto(object, now)
		}
	}
	body["events"] = filled
	return json.Marshal(body)
}

// source returns what is to be sent, with all changes that were asked for.
func (t *trigger) source(ctx context.Context) (src triggerSource, err error) {
	switch {
	case t.raw != "":
		src.raw, err = readRaw(t.raw, t.in)
	case t.again != "":
		src.raw, err = t.target.event(ctx, t.again)
	default:
		if t.anyUser && t.target.sim != "" && !t.print {
			t.event.user, err = t.target.firstUser(ctx, t.event.user)
		}
		if err == nil {
			src.doc, err = t.event.event()
		}
	}
	if err != nil {
		return src, err
	}
	redeliver := t.again != "" && t.event.redelivery
	if src.doc == nil && !redeliver && len(t.set) == 0 && len(t.unset) == 0 && !t.edit {
		return src, nil
	}
	if src.doc == nil {
		if src.doc, err = parseDocument(src.raw); err != nil {
			return src, fmt.Errorf("it cannot be changed: %w", err)
		}
	}
	if redeliver {
		if err := setPath(src.doc, "deliveryContext.isRedelivery", true); err != nil {
			return src, fmt.Errorf("--redelivery: %w", err)
		}
	}
	src.doc, err = t.change(ctx, src.doc)
	return src, err
}

// change applies --set, --unset and --edit, in that order.
func (t *trigger) change(ctx context.Context, doc fields) (fields, error) {
	for _, text := range t.set {
		path, value, err := settingOf(text)
		if err == nil {
			err = setPath(doc, path, value)
		}
		if err != nil {
			return nil, usageErrorf("--set %s: %w", text, err)
		}
	}
	for _, path := range t.unset {
		if err := unsetPath(doc, path); err != nil {
			return nil, usageErrorf("--unset %s: %w", path, err)
		}
	}
	if t.edit {
		return t.editDocument(ctx, doc)
	}
	return doc, nil
}

func readRaw(name string, in io.Reader) ([]byte, error) {
	if name != "-" {
		f, err := os.Open(name)
		if err != nil {
			return nil, fmt.Errorf("--raw: %w", err)
		}
		defer f.Close()
		in = f
	}
	raw, err := io.ReadAll(io.LimitReader(in, maxRawBody+1))
	if err == nil && len(raw) > maxRawBody {
		err = fmt.Errorf("more than %d bytes", maxRawBody)
	}
	if err != nil {
		return nil, fmt.Errorf("--raw: %w", err)
	}
	return raw, nil
}
