// Package quota watches how much of its monthly quota each channel has used.
//
// A Watcher asks LINE for limit and consumption of every channel: at the start,
// every ten minutes or as configured, when a new month begins, and soon after the
// outbox met the limit, sent a twentieth of it, or a broadcast. Between two
// answers it adds what the outbox sent, so that the figures are never older than
// the last push. LINE's own number is approximate (Messaging API reference, "Get number of messages sent
// this month"), and others may send for the channel as well; the next answer
// corrects the sum.
//
// # Forecast
//
// What was used so far, and for every day that is left as much as a day took
// lately: on average over the last seven days, or over the month while that is
// younger. In the first three days of a month there is none. Months and days
// are those of Japan, as in LINE's statistics; which clock its months follow
// LINE does not publish.
//
// # Warnings
//
// One line in the log when a share of the limit is reached and one when the
// forecast exceeds it, each once a month, also across restarts, and again when
// LINE changes the limit. In the first hour of a month there is none, since LINE
// may still tell the old month's number.
//
// # What it stores
//
// quota.<channel> in the control bucket, as JSON: what was warned of, and what
// was used at the beginning of each day of the month.
//
// # Goroutines
//
// Run owns one for each channel. A Meter's methods never wait.
package quota
