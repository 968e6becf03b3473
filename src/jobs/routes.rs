//! `/api/admin/queues…`, jobs and dead jobs; `/queue/overview` and the page `/admin/queues`. Every act goes to the
//! audit log.

use actix_web::{HttpRequest, HttpResponse, delete, get, post, web};
use serde::Deserialize;

use utoipa_actix_web::service_config::ServiceConfig;
use uuid::Uuid;

use super::admin::By;
use super::view::{
    DeadJobView, QueueBrief, QueueList, QueueNumbers, QueueOverview, QueueState, QueueView, WaitingJobView,
    cursor, position,
};
use super::{JobId, Jobs, QueueName};
use crate::accounts::{Origin, Role};
use crate::error::{ApiError, ApiResult, ErrorBody, FieldError};
use crate::http::{AdminCaller, OptionalCaller, Page, PageParams, PageQuery, console_page};

/// What is mounted at `/api`.
pub fn routes(config: &mut ServiceConfig<'_>) {
    config
        .service(list_queues)
        .service(pause)
        .service(resume)
        .service(dead_jobs)
        .service(retry)
        .service(drop_job);
}

/// What is mounted at `/`.
pub fn pages(config: &mut ServiceConfig<'_>) {
    config.service(overview).service(queues_page);
}

fn known_queue(name: &str) -> ApiResult<QueueName> {
    QueueName::parse(name).ok_or_else(|| ApiError::not_found("queue"))
}

fn known_job(id: &str) -> ApiResult<JobId> {
    Uuid::try_parse(id).map(JobId::from_uuid).map_err(|_| ApiError::not_found("job"))
}

/// See which queues there are
///
/// And which are paused. With an admin's token also how full they are.
#[utoipa::path(
    operation_id = "getQueueOverview",
    tag = "health",
    security((), ("bearer" = [])),
    responses(
        (status = 200, description = "The queues", body = QueueOverview),
        (status = 401, description = "A token that does not hold", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/queue/overview")]
async fn overview(caller: OptionalCaller, jobs: web::Data<Jobs>) -> ApiResult<web::Json<QueueOverview>> {
    let admin = caller.0.is_some_and(|caller| caller.role == Role::Admin);
    let queues = if admin {
        let numbers = |queue: &QueueView| QueueNumbers {
            waiting: queue.waiting,
            delayed: queue.delayed,
            running: queue.running,
            failed: queue.failed,
        };
        let brief = |queue: QueueView| QueueBrief {
            name: queue.name,
            state: queue.state,
            numbers: Some(numbers(&queue)),
        };
        jobs.queues().await?.into_iter().map(brief).collect()
    } else {
        let brief = |(queue, state): (QueueName, QueueState)| QueueBrief {
            name: queue.as_str(),
            state,
            numbers: None,
        };
        jobs.states().await?.into_iter().map(brief).collect()
    };
    Ok(web::Json(QueueOverview { queues }))
}

/// Open the page of the queues
///
/// A page of the console; what it shows needs an admin's sign-in.
#[utoipa::path(
    operation_id = "getQueuesPage",
    tag = "admin",
    responses((status = 200, description = "The page", body = String, content_type = "text/html")),
)]
#[get("/admin/queues")]
async fn queues_page(request: HttpRequest) -> ApiResult<HttpResponse> {
    console_page(&request, "queues.html")
}

/// List the queues
///
/// With their numbers. `messages` and `ai-responses` show what this node's engine does, the latter with the jobs behind
/// replies; the others are kept in the database for all nodes.
#[utoipa::path(
    operation_id = "listQueues",
    tag = "admin",
    security(("bearer" = [])),
    responses(
        (status = 200, description = "All queues", body = QueueList),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/queues")]
async fn list_queues(_: AdminCaller, jobs: web::Data<Jobs>) -> ApiResult<web::Json<QueueList>> {
    Ok(web::Json(QueueList { items: jobs.queues().await? }))
}

async fn one(jobs: &Jobs, queue: QueueName) -> ApiResult<web::Json<QueueView>> {
    let found = jobs.queues().await?.into_iter().find(|view| view.name == queue.as_str());
    found.map(web::Json).ok_or_else(|| ApiError::not_found("queue"))
}

/// Pause a queue
///
/// On all nodes, until it is resumed. Jobs still come in; those that run end.
#[utoipa::path(
    operation_id = "pauseQueue",
    tag = "admin",
    security(("bearer" = [])),
    params(("queue" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The queue, paused", body = QueueView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such queue", body = ErrorBody),
        (status = 409, description = "It is a live one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/admin/queues/{queue}/pause")]
async fn pause(
    caller: AdminCaller,
    origin: Origin,
    name: web::Path<String>,
    jobs: web::Data<Jobs>,
) -> ApiResult<web::Json<QueueView>> {
    let queue = known_queue(&name)?;
    jobs.pause(queue, &By(&caller.0, &origin)).await?;
    one(&jobs, queue).await
}

/// Resume a queue
#[utoipa::path(
    operation_id = "resumeQueue",
    tag = "admin",
    security(("bearer" = [])),
    params(("queue" = String, Path, description = "Its name")),
    responses(
        (status = 200, description = "The queue, running", body = QueueView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such queue", body = ErrorBody),
        (status = 409, description = "It is a live one", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/admin/queues/{queue}/resume")]
async fn resume(
    caller: AdminCaller,
    origin: Origin,
    name: web::Path<String>,
    jobs: web::Data<Jobs>,
) -> ApiResult<web::Json<QueueView>> {
    let queue = known_queue(&name)?;
    jobs.resume(queue, &By(&caller.0, &origin)).await?;
    one(&jobs, queue).await
}

#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
struct DeadParams {
    /// Only those of this queue.
    queue: Option<String>,
}

/// List dead jobs
///
/// Those that were given up, the latest first. They are kept for some weeks; what they were about is not told.
#[utoipa::path(
    operation_id = "listDeadJobs",
    tag = "admin",
    security(("bearer" = [])),
    params(DeadParams, PageParams),
    responses(
        (status = 200, description = "One page of dead jobs", body = Page<DeadJobView>),
        (status = 400, description = "A parameter is not valid", body = ErrorBody),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[get("/admin/dead-jobs")]
async fn dead_jobs(
    _: AdminCaller,
    params: web::Query<DeadParams>,
    page: PageQuery,
    jobs: web::Data<Jobs>,
) -> ApiResult<web::Json<Page<DeadJobView>>> {
    let named = params.queue.as_deref().filter(|name| !name.is_empty());
    let no_queue = || FieldError::new("queue", "there is no such queue");
    let queue = named.map(|name| QueueName::parse(name).ok_or_else(no_queue)).transpose()?;
    // One more than asked for tells whether there is a next page.
    let (dead, total) = jobs.dead(queue, position(&page)?, page.skip(), page.limit + 1).await?;
    let dead = Page::cut(&page, dead, Some(total), |job| cursor(job.position));
    Ok(web::Json(dead.map(DeadJobView::from)))
}

/// Try a job again
///
/// A dead one gets all its tries anew; one that waits for its time is tried now.
#[utoipa::path(
    operation_id = "retryJob",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The job")),
    responses(
        (status = 200, description = "It waits for a worker", body = WaitingJobView),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such job", body = ErrorBody),
        (status = 409, description = "It runs, is done, or another with its key waits", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[post("/admin/jobs/{id}/retry")]
async fn retry(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    jobs: web::Data<Jobs>,
) -> ApiResult<web::Json<WaitingJobView>> {
    let facts = jobs.retry(known_job(&id)?, &By(&caller.0, &origin)).await?;
    Ok(web::Json(facts.into()))
}

/// Drop a job
///
/// A dead or a waiting one; it is never done.
#[utoipa::path(
    operation_id = "dropJob",
    tag = "admin",
    security(("bearer" = [])),
    params(("id" = Uuid, Path, description = "The job")),
    responses(
        (status = 204, description = "It is gone"),
        (status = 401, description = "No token, or a bad one", body = ErrorBody),
        (status = 403, description = "The caller is no admin", body = ErrorBody),
        (status = 404, description = "There is no such job", body = ErrorBody),
        (status = 409, description = "It runs, or it is done", body = ErrorBody),
        (status = 503, description = "The database is away", body = ErrorBody),
    ),
)]
#[delete("/admin/jobs/{id}")]
async fn drop_job(
    caller: AdminCaller,
    origin: Origin,
    id: web::Path<String>,
    jobs: web::Data<Jobs>,
) -> ApiResult<HttpResponse> {
    jobs.drop_job(known_job(&id)?, &By(&caller.0, &origin)).await?;
    Ok(HttpResponse::NoContent().finish())
}
