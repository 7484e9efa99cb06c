import jax
from steepest.flow._arguments import as_request
from steepest.flow._solver import Solver
def solve(f,x0,t1,rtol=1e-8,atol=1e-8,saveat=None,monitors=None,states=True,stiff=False,through=True,max_steps=100000,max_events=10000):
    request = as_request(f, x0, t1, rtol, atol, saveat, monitors, states)
    with jax.enable_x64(True):
        return Solver(request,rtol=rtol,atol=atol,stiff=stiff,max_steps=max_steps,max_events=max_events,through=through).run()
