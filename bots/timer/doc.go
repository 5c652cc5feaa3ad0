// Package timer is the bot that tells its users when the time has come, and an
// example of the root package with timers, buttons and groups.
//
//	180 tea            →  ⏰ tea / Set for 12:03:00 JST, in 3 minutes.
//	                      (three minutes later)  ⏰ tea / It has been 3 minutes.
//	18:30 会議         →  ⏰ 会議 / 18:30にお知らせします（6時間後）。
//	list, 一覧         →  the timers that wait, with buttons to cancel them
//	cancel tea, 取消 2 →  Cancelled: tea (12:03:00)
//
// [Read] understands what users write; anything else gets examples. The answer
// is a reply, which is free, and the notice a push. In groups and rooms the bot
// listens only when a message mentions it or one of its buttons is tapped, and the
// timers are the group's: every member sees and cancels them. Who blocks the bot
// or puts it out of a group has these timers cancelled.
//
// The bot keeps nothing itself: a timer's payload holds what the notice needs. Its
// form may get more fields, none may change its meaning. All functions may be
// called concurrently.
package timer
