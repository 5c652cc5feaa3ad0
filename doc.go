// Package frontdesk is what the author of a LINE bot imports: the events that
// come in, the handlers that take them, the desk they answer through, and the
// errors by which they say what shall happen next.
//
// It has the shape of net/http. A [Handler] is called with one [Event] at a
// time of each conversation, a [Mux] chooses among handlers, [Middleware]
// wraps them:
//
//	mux := frontdesk.NewMux()
//	mux.Text(`^hello`, func(ctx context.Context, d frontdesk.Desk, ev *frontdesk.Event) error {
//		return d.Send(frontdesk.Text("Hello to you, too."))
//	})
//	err := server.Run(ctx, cfg, mux)
//
// # Life of an event
//
// The server stores a webhook's events before it answers LINE, then calls the
// handler with each: in order within a conversation, at once across
// conversations. What the handler sends is gathered by its desk and stored
// when the handler returns nil; only then is the event done, and only then do
// the messages set out. A handler that returns an error has sent nothing: the
// event is tried again, later events of that conversation wait, other
// conversations do not. See [Handler] for the errors that change this.
//
// # Once
//
// An event that LINE delivers twice is handled once, and a message is sent
// once. Only an event whose handling left no message may run a second time
// after a crash: a handler with effects of its own outside the desk should
// tolerate that; [Event.ID] is the key to recognise it by.
//
// The package holds no state, starts no goroutine and knows neither the
// server nor its store, so that handlers can be written and tested without
// them; package desktest has a desk to test with.
package frontdesk
