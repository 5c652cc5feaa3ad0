// Package desktest has a desk to test handlers with, without a server, a store
// or the network; it is to frontdesk what httptest is to net/http.
//
//	desk := desktest.New(desktest.WithProfile(frontdesk.Profile{UserID: user, DisplayName: "花子", Language: "ja"}))
//	err := handler.Handle(ctx, desk, desktest.TextEvent(user, "hello"))
//	got := desk.Texts(user)
//
// A [Desk] checks and encodes messages as the server's does, and keeps them
// whatever the handler returns: that the server sends nothing after an error is
// the server's part. Events are made by functions such as [TextEvent], or by
// [Event] from the JSON of LINE's reference, and are decoded as the server's
// are.
//
// The package is for tests: its functions panic where a test is wrong.
package desktest
