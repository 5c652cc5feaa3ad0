// Package webhook is the front desk: it takes LINE's webhooks in.
//
// For each request it checks the signature over the raw bytes, splits the body
// into events, stores them all in the inbox and answers 200. It answers
// anything else only when nothing of the request needs to be kept, or when it
// could not be stored in time, so that LINE may deliver it again.
//
// It decodes no more of an event than it needs to file it: who it is from and
// its ID. An event of which even that cannot be read becomes a dead letter with
// its raw bytes, and its neighbours in the request go on. What an event means
// is the dispatcher's business, and so is dropping duplicates: the front desk
// keeps no state between requests.
package webhook
