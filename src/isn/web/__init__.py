"""The page for people: a small server that shows one page, and does what that asks for.

`server` answers requests and refuses those of others' pages, `jobs` gives each job a core and a
process of its own, `work` is what runs there, `messages` is how all of them talk. What a user gives
is held in memory until it is answered, and neither written to disk nor logged.
"""
