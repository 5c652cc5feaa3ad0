package frontdesk

import (
	"context"
	"fmt"
	"regexp"
)

// Mux chooses a handler for each event by rules, and is a [Handler] itself.
//
// A rule matches by text pattern, postback data, key of a timer, message type or
// event type.
// The most specific kind of rule wins, in this order; among rules of the same
// kind the first one registered. An event that no rule matches is done
// without an answer, or goes to the handler set by Default.
//
// Register all rules before the mux handles its first event; after that it is
// safe for any number of goroutines.
type Mux struct {
	texts      []rule
	postbacks  []rule
	timers     []rule
	messages   map[string]Handler
	events     map[string]Handler
	fallback   Handler
	middleware []Middleware
}

type rule struct {
	pattern *regexp.Regexp
	handler Handler
}

// NewMux returns a mux without rules.
func NewMux() *Mux {
	return &Mux{messages: map[string]Handler{}, events: map[string]Handler{}}
}

// Text handles text messages that match a regular expression (RE2 syntax, not
// anchored); "" matches all. [Event.Match] holds the match and its submatches.
// It panics when the pattern does not compile.
func (m *Mux) Text(pattern string, f HandlerFunc) {
	m.texts = append(m.texts, rule{regexp.MustCompile(pattern), f})
}

// Postback handles postback events whose data matches a regular expression;
// see Text.
func (m *Mux) Postback(pattern string, f HandlerFunc) {
	m.postbacks = append(m.postbacks, rule{regexp.MustCompile(pattern), f})
}

// Timer handles timer events whose key matches a regular expression; see Text.
func (m *Mux) Timer(pattern string, f HandlerFunc) {
	m.timers = append(m.timers, rule{regexp.MustCompile(pattern), f})
}

// Message handles messages of a type such as "image". It panics when the type
// has a handler already.
func (m *Mux) Message(messageType string, f HandlerFunc) {
	register(m.messages, messageType, f)
}

// Event handles events of a type such as "follow"; "message" takes all
// messages that no other rule takes. It panics when the type has a handler
// already.
func (m *Mux) Event(eventType string, f HandlerFunc) {
	register(m.events, eventType, f)
}

func register(into map[string]Handler, key string, h Handler) {
	if _, taken := into[key]; taken {
		panic(fmt.Sprintf("frontdesk: type %q has a handler already", key))
	}
	into[key] = h
}

// Default handles the events that no rule matches.
func (m *Mux) Default(f HandlerFunc) { m.fallback = f }

// Use wraps all handlers of the mux; the first one given is the outermost.
func (m *Mux) Use(mw ...Middleware) { m.middleware = append(m.middleware, mw...) }

// Handle calls the handler that the event's rule names.
func (m *Mux) Handle(ctx context.Context, d Desk, ev *Event) error {
	h := m.choose(ev)
	if h == nil {
		return nil
	}
	return Chain(h, m.middleware...).Handle(ctx, d, ev)
}

func (m *Mux) choose(ev *Event) Handler {
	if ev.Type == TypeMessage && ev.Message != nil {
		if ev.Message.Type == "text" {
			if h := match(m.texts, ev.Message.Text, ev); h != nil {
				return h
			}
		}
		if h := m.messages[ev.Message.Type]; h != nil {
			return h
		}
	}
	if ev.Type == TypePostback && ev.Postback != nil {
		if h := match(m.postbacks, ev.Postback.Data, ev); h != nil {
			return h
		}
	}
	if ev.Type == TypeTimer && ev.Timer != nil {
		if h := match(m.timers, ev.Timer.Key, ev); h != nil {
			return h
		}
	}
	if h := m.events[ev.Type]; h != nil {
		return h
	}
	return m.fallback
}

func match(rules []rule, s string, ev *Event) Handler {
	for _, r := range rules {
		if found := r.pattern.FindStringSubmatch(s); found != nil {
			ev.Match = found
			return r.handler
		}
	}
	return nil
}
