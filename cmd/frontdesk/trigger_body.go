package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/tidwall/gjson"
)

// auto stands in an event for what is made up anew for every webhook: its
// webhookEventId, timestamp and replyToken, and the ID of its message.
const auto = "auto"

// parseDocument reads a JSON object. Numbers stay as they are written.
func parseDocument(text []byte) (fields, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.UseNumber()
	var doc fields
	if err := dec.Decode(&doc); err != nil {
		return nil, fmt.Errorf("not a JSON object: %w", err)
	}
	if doc == nil || dec.More() {
		return nil, errors.New("not one JSON object")
	}
	return doc, nil
}

// fillAuto returns a copy of an event in which nothing is auto any more.
func fillAuto(ev fields, now time.Time) fields {
	ev = maps.Clone(ev)
	made := func() any { return strconv.FormatInt(now.UnixNano(), 10) }
	replace(ev, "webhookEventId", func() any { return newEventID(now) })
	replace(ev, "timestamp", func() any { return now.UnixMilli() })
	replace(ev, "replyToken", func() any { return randomHex(16) })
	for name, id := range map[string]string{"message": "id", "unsend": "messageId"} {
		if inner, ok := ev[name].(fields); ok {
			inner = maps.Clone(inner)
			replace(inner, id, made)
			ev[name] = inner
		}
	}
	return ev
}

func replace(in fields, name string, made func() any) {
	if in[name] == auto {
		in[name] = made()
	}
}

// isLone reports whether what was written is an event without a body around it.
func isLone(content []byte) bool {
	root := gjson.ParseBytes(content)
	return gjson.ValidBytes(content) && root.IsObject() && root.Get("type").Exists() && !root.Get("events").Exists()
}

// wrap makes a webhook's body of a lone event; everything else is a body
// already.
func wrap(content []byte) []byte {
	if !isLone(content) {
		return content
	}
	// Not by json.Marshal, which would change the event's bytes.
	return slices.Concat([]byte(`{"destination":"U`+strings.Repeat("0", 32)+`","events":[`), bytes.TrimSpace(content), []byte(`]}`))
}

// firstEventID returns the ID of the first event in a body, "" for none.
func firstEventID(body []byte) string {
	return gjson.GetBytes(body, "events.0.webhookEventId").String()
}

// setPath sets the property at a path such as message.text, and makes the
// objects on the way to it. A number stands for a place in a list.
func setPath(doc fields, path string, value any) error {
	parent, last, err := walk(doc, path, true)
	if err != nil {
		return err
	}
	switch parent := parent.(type) {
	case fields:
		parent[last] = value
	case []any:
		i, err := place(parent, last)
		if err != nil {
			return err
		}
		parent[i] = value
	}
	return nil
}

// unsetPath takes the property at a path away.
func unsetPath(doc fields, path string) error {
	parent, last, err := walk(doc, path, false)
	if err != nil {
		return err
	}
	object, ok := parent.(fields)
	if !ok {
		return errors.New("only a property can be taken away, not a place in a list")
	}
	if _, ok := object[last]; !ok {
		return errors.New("there is no such property")
	}
	delete(object, last)
	return nil
}

// walk returns what holds the last part of a path: an object or a list.
func walk(doc fields, path string, create bool) (parent any, last string, err error) {
	parts := strings.Split(path, ".")
	parent = doc
	for i, part := range parts {
		switch at := parent.(type) {
		case fields:
			if i == len(parts)-1 {
				return parent, part, nil
			}
			if _, ok := at[part]; !ok && create {
				at[part] = fields{}
			}
			parent = at[part]
		case []any:
			if i == len(parts)-1 {
				return parent, part, nil
			}
			n, err := place(at, part)
			if err != nil {
				return nil, "", err
			}
			parent = at[n]
		case nil:
			return nil, "", errors.New("there is no such property")
		default:
			return nil, "", fmt.Errorf("%s holds no properties", strings.Join(parts[:i], "."))
		}
	}
	return nil, "", errors.New("the path is empty") // unreachable: Split returns at least one part
}

// place reads a place in a list, from 0 on.
func place(list []any, part string) (int, error) {
	n, err := strconv.Atoi(part)
	if err != nil || n < 0 || n >= len(list) {
		return 0, fmt.Errorf("%q is not a place in a list of %d", part, len(list))
	}
	return n, nil
}

// settingOf reads PATH=VALUE. What is not JSON is a text.
func settingOf(text string) (path string, value any, err error) {
	path, raw, ok := strings.Cut(text, "=")
	if !ok || path == "" {
		return "", nil, errors.New("PATH=VALUE is wanted")
	}
	if !json.Valid([]byte(raw)) {
		return path, raw, nil
	}
	dec := json.NewDecoder(strings.NewReader(raw))
	dec.UseNumber()
	err = dec.Decode(&value)
	return path, value, err
}
