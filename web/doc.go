// Package web is the chat's other end: a client for browsers, and the chat page
// that is made with it.
//
// client.js is the client: an ES module without dependencies, with its parts in
// the folder client and its types in JSDoc, published to npm from this folder.
// It keeps what it could not send, sends it once, and resumes at any server;
// docs/chat-client.md describes its use and docs/chat-protocol.md what it speaks. Its
// tests are in the folder test and run under Node.js.
//
// page is the page: HTML, CSS and custom elements, without a build step. All
// text that came from elsewhere becomes a text node or an attribute value, and
// its Content-Security-Policy lets no other scripts or styles in.
//
// The package serves both from memory. It knows nothing of rooms: the server's
// chat answers what the page asks for.
package web
