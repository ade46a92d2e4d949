-- Whoever makes or removes run states counts them too, for many at once, as on every backend.
DROP TRIGGER run_state_comes;
DROP TRIGGER run_state_goes;
