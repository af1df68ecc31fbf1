"""HTTP: routes, authentication, request bodies, limits on connections, and answers in lakeFS's form.

`mlops.lakeserver.server` and the pages import it; operations, trees and store know nothing of HTTP. Start
with `app`, then `routes`, which names the function of each operation.
"""
